"""Generated data for a first look; nothing was measured or paid."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

from routerkit_app.demo_nights import store_nights
from routerkit_app.demo_traffic import generate_calls

_SEED = 7


def generate(folder: Path, *, n_calls: int = 1_500, n_tasks: int = 48) -> Path:
    """Fill a folder with two weeks of calls and two nights of samples, all made up; the configuration that the calls were routed by."""
    path = generate_calls(folder, n_calls, random.Random(_SEED))
    store_nights(folder, n_tasks=n_tasks, now=datetime.now(UTC).replace(tzinfo=None), seed=_SEED)
    return path
