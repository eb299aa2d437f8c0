"""K2: a gateway that is its own upstream notices it at run time, after few requests, and other targets still answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routerkit import hops
from routerkit.gateway.listener import listening
from routerkit.gateway.server import Address, build, listen
from routerkit.testing import Recorder
from tests.gateway.conftest import Served
from tests.gateway.test_refusals import OK, post


@contextmanager
def looping(made: Served, targets: str) -> Iterator[tuple[Served, Recorder]]:
    """A gateway whose first provider is itself, under the pool's own name."""
    sock, recorder = listen(Address(port=0)), Recorder()
    made.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    config = made.config.read_text().replace(made.first.base_url, made.base_url).replace('model = "cheap-1"', 'model = "coding"')
    made.config.write_text(config.replace('targets = ["cheap", "strong"]', f"targets = {targets}"))
    gateway, router = build(made.config, more=[recorder])
    begun, ends, loops = threading.Event(), asyncio.Event(), []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with listening(gateway.serve, sock) as listener:
            begun.set()
            await ends.wait()
            await listener.drain(5, asyncio.Event())
        router.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert begun.wait(10)
    try:
        yield made, recorder
    finally:
        loops[0].call_soon_threadsafe(ends.set)
        thread.join(10)


@pytest.mark.parametrize("stream", [False, True])
def test_gateway_that_is_its_own_upstream_is_refused_with_508(make_served: Callable[[], Served], tmp_path: Path, stream: bool) -> None:
    with looping(make_served(), '["cheap"]') as (served, recorder):
        status, error, headers = post(served, json.dumps({**OK, "stream": stream}).encode())
    assert (508, "loop", "false") == (status, error["error"]["code"], headers["x-should-retry"])
    assert hops.MOST == len(recorder.records)
    assert [1] * hops.MOST == [len(record.attempts) for record in recorder.records], "nothing is repeated"


def test_other_targets_answer_when_one_is_a_loop(make_served: Callable[[], Served], tmp_path: Path) -> None:
    with looping(make_served(), '["cheap", "strong"]') as (served, recorder):
        assert 200 == post(served, json.dumps(OK).encode())[0]
    assert 1 == served.second.hits
    assert "loop" in [attempt.error_code for record in recorder.records for attempt in record.attempts]


@pytest.mark.parametrize(("sent", "status"), [("3", 200), ("4", 508), ("99999", 508), ("-1", 400), ("many", 400), ("9" * 5_000, 400)])
def test_count_of_a_caller_is_taken_for_what_it_is(served: Served, sent: str, status: int) -> None:
    assert status == post(served, json.dumps(OK).encode(), {hops.HEADER: sent})[0]
    if status == 200:
        assert "4" == served.first.headers[0][hops.HEADER]
