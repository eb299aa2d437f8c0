"""Whatever anybody sends, the answer is one that `/openapi.json` announces, and never a 500."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS  # noqa: F401  registers them
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from routerkit.gateway import Gateway
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target

HERE = {"host": "localhost"}
ROUTER = make_router({"a": ScriptedProvider([make_reply()])}, targets=[make_target("a")])
schema = schemathesis.openapi.from_asgi("/openapi.json", Gateway(ROUTER), headers=HERE)


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_is_announced(case):
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = "pool"  # or nearly nothing would get beyond the name
    response = case.call(headers=HERE)
    assert 500 != response.status_code
    case.validate_response(response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance])
    if response.status_code >= 400 and case.path != "/readyz":
        assert response.headers["x-should-retry"]
