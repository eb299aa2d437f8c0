"""`RouterDecisionModel`: a routerkit policy as the classifier of LangChain's own `ModelRouterMiddleware` (langchain-core 1.8 and later)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.decisions import (  # type: ignore[import-not-found, unused-ignore]  # since core 1.8
    BaseDecisionModel,
    Choice,
    ChoiceAnswer,
    ClassifierResponse,
    Question,
)
from langchain_core.messages import BaseMessage, HumanMessage
from pydantic import ConfigDict, Field

from langchain_routerkit.convert import to_messages
from routerkit import Decision, NoCandidateError, Request, Router


class RouterDecisionModel(BaseDecisionModel):  # type: ignore[misc, unused-ignore]  # as above
    """Answers a `Choice` whose labels are names of targets with the target that the policy ranks first among them.

    No model is asked: the answer takes microseconds, and each label's probability is 1 or 0. LangChain routes once per run;
    `ChatRouter` and `RouterMiddleware` decide anew for each call, and fail over.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    router: Router = Field(exclude=True, repr=False)
    model: str
    """The pool whose policy decides."""
    kind: str | None = None
    """Task kind, if it is known."""

    @property
    def _provider(self) -> str:
        return "routerkit"

    def _classify(self, state: Any, questions: dict[str, Question]) -> ClassifierResponse:
        decision = self.router.decide(Request(self.model, to_messages(_messages(state)), kind=self.kind))
        answers = {name: _answer(question, decision) for name, question in questions.items()}
        return ClassifierResponse(model=self.model, answers=answers, request_id=decision.id)

    async def _aclassify(self, state: Any, questions: dict[str, Question]) -> ClassifierResponse:
        return self._classify(state, questions)  # pure: nothing to wait for


def _answer(question: Any, decision: Decision) -> ChoiceAnswer:
    if not isinstance(question, Choice):
        raise TypeError(f"a policy answers only which target to take, not a question of type {question.type!r}")
    labels = list(question.criteria)
    chosen = next((name for name in decision.ranked if name in labels), None)
    if chosen is None:
        if not decision.ranked:
            raise NoCandidateError(decision)
        raise ValueError(f"none of the choices {', '.join(labels)} is a fit target of pool {decision.pool!r}: {', '.join(decision.ranked)}")
    probabilities = {label: float(label == chosen) for label in labels}
    return ChoiceAnswer(type="choice", choice=chosen, probabilities=probabilities, confidence=1.0)


def _messages(state: Any) -> Sequence[BaseMessage]:
    if isinstance(state, BaseMessage):
        return [state]
    if isinstance(state, Mapping):
        state = state.get("messages", str(state))
    if isinstance(state, Sequence) and not isinstance(state, str) and all(isinstance(m, BaseMessage) for m in state):
        return [m for m in state if isinstance(m, BaseMessage)]
    return [HumanMessage(str(state))]
