"""Embeddings: requests for vectors instead of a chat answer, routed like any other call, but never across models.

Vectors of one model mean nothing to another, so a pool may fail over only between targets that serve the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from routerkit.catalog import Target
from routerkit.decision import Decision
from routerkit.errors import ProviderError
from routerkit.messages import Json, Reply, Request

_NUMBERED: Final = "abc "
"""Stands for a token that came as a number, where the size of a request is measured."""


def embedding_request(model: str, inputs: Sequence[Json], *, extra: Mapping[str, Json] | None = None) -> Request:
    """A request for the vectors of these inputs, to be given to `Router.complete`.

    Args:
        model: A pool, or one of its targets.
        inputs: Texts, or texts as lists of token numbers.
        extra: Further parameters of the body: `dimensions`, `encoding_format`, `user`.
    """
    messages = tuple({"role": "user", "content": text if isinstance(text, str) else _NUMBERED * _n_tokens(text)} for text in inputs)
    return Request(model, messages, extra=extra or {}, inputs=tuple(inputs))


def vectors(reply: Reply) -> tuple[Json, ...]:
    """One vector per input, in their order: a list of floats, or base64 where that was asked for.

    Raises:
        ProviderError: `malformed`: the reply is none to a request for vectors.
    """
    rows = reply.extra.get("data")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ProviderError(f"{reply.target or 'the provider'} gave no vectors; it cannot do embeddings", code="malformed")
    return tuple(row.get("embedding") for row in rows if isinstance(row, Mapping))


def check(targets: Sequence[Target], decision: Decision) -> None:
    """Refuse what would mix vectors of several models, or check them like answers.

    Raises:
        ProviderError: `invalid_request`.
    """
    models = sorted({target.model.rpartition("/")[2] for target in targets})
    if len(models) > 1:
        remedy = f"ask one target as {decision.pool}/NAME, or make a pool of targets with the same model"
        raise ProviderError(
            f"pool {decision.pool!r} has several models ({', '.join(models)}), whose vectors cannot be compared; {remedy}",
            code="invalid_request",
        )
    if decision.steps:
        raise ProviderError(
            f"pool {decision.pool!r} checks answers, which vectors cannot pass; give it another policy", code="invalid_request"
        )


def _n_tokens(value: Json) -> int:
    return len(value) if isinstance(value, Sequence) else 1
