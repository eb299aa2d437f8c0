"""What `/v1/models` says: pools, and their targets as `pool/target`, in a form that clients of OpenAI and of Anthropic read alike."""

from __future__ import annotations

from routerkit.gateway.keys import Scope
from routerkit.messages import Json
from routerkit.router import Router


def models(router: Router, scope: Scope) -> list[dict[str, Json]]:
    """Every model that a caller of this scope may name."""
    pools = [pool for pool in router.state.pools.values() if scope.allows(pool.name)]
    return [_model(name) for name in (*(p.name for p in pools), *(f"{p.name}/{t.name}" for p in pools for t in p.targets))]


def model_list(found: list[dict[str, Json]]) -> dict[str, Json]:
    """Body of the list, which has one page."""
    ends: dict[str, Json] = {"first_id": found[0]["id"] if found else None, "last_id": found[-1]["id"] if found else None}
    return {"object": "list", "data": found, "has_more": False, **ends}


def _model(name: str) -> dict[str, Json]:
    theirs: dict[str, Json] = {"type": "model", "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
    return {"id": name, "object": "model", "created": 0, "owned_by": "routerkit", **theirs}
