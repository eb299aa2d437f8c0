import asyncio


async def step(name, log):
    log.append(f"{name}1")
    await asyncio.sleep(0)
    log.append(f"{name}2")


async def quick(name, log):
    log.append(f"{name}1")
    log.append(f"{name}2")


async def main():
    log = []
    second = step("b", log)
    first = asyncio.create_task(quick("a", log))
    await second
    await first
    log.append("end")
    return log
