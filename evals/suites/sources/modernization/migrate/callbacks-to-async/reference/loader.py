import asyncio


class LoadError(Exception):
    pass


async def _get(store, key, default):
    try:
        return await store.get(key)
    except KeyError:
        return default


async def load_profile(store, user_id):
    try:
        user = await store.get(f"user:{user_id}")
    except KeyError as exc:
        raise LoadError(f"no user {user_id}") from exc
    avatar, settings = await asyncio.gather(
        _get(store, f"avatar:{user_id}", None),
        _get(store, f"settings:{user_id}", {}),
    )
    return {"id": user_id, "name": user["name"], "avatar": avatar, "settings": settings}


async def load_many(store, user_ids, limit=3):
    slots = asyncio.Semaphore(limit)

    async def one(user_id):
        async with slots:
            try:
                return await load_profile(store, user_id)
            except LoadError:
                return None

    return list(await asyncio.gather(*(one(user_id) for user_id in user_ids)))
