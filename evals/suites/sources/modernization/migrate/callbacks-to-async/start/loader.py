class LoadError(Exception):
    pass


def load_profile(store, user_id, callback):
    def got_user(err, user):
        if isinstance(err, KeyError):
            callback(LoadError("no user %s" % user_id), None)
            return
        if err is not None:
            callback(err, None)
            return
        state = {"left": 2, "failed": False}
        profile = {"id": user_id, "name": user["name"]}

        def finish(key, default):
            def done(err, value):
                if state["failed"]:
                    return
                if err is not None and not isinstance(err, KeyError):
                    state["failed"] = True
                    callback(err, None)
                    return
                profile[key] = default if err is not None else value
                state["left"] -= 1
                if state["left"] == 0:
                    callback(None, profile)
            return done

        store.get("avatar:%s" % user_id, finish("avatar", None))
        store.get("settings:%s" % user_id, finish("settings", {}))

    store.get("user:%s" % user_id, got_user)


def load_many(store, user_ids, callback, limit=3):
    ids = list(user_ids)
    out = [None] * len(ids)
    state = {"next": 0, "done": 0, "failed": False}
    if not ids:
        callback(None, out)
        return

    def start():
        index = state["next"]
        if index >= len(ids) or state["failed"]:
            return
        state["next"] += 1

        def one(err, profile):
            if state["failed"]:
                return
            if err is not None and not isinstance(err, LoadError):
                state["failed"] = True
                callback(err, None)
                return
            out[index] = profile
            state["done"] += 1
            if state["done"] == len(ids):
                callback(None, out)
            else:
                start()

        load_profile(store, ids[index], one)

    for _ in range(min(limit, len(ids))):
        start()
