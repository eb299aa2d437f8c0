"""One question to the classifier within one call: whether to ask, what it costs, and what is made of the answer or of its absence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from routerkit.call import Call
from routerkit.classifier import Classifier
from routerkit.decision import Decision
from routerkit.dispatch import Open
from routerkit.errors import as_provider_error
from routerkit.features import features as features_of
from routerkit.features import last_user_text
from routerkit.messages import Reply, Request
from routerkit.provider import Provider
from routerkit.router_state import RouterState
from routerkit.rules import Rule, matching
from routerkit.running import Running
from routerkit.semantic import Heard

Decide: TypeAlias = Callable[[Request, RouterState, Heard], Decision]


class Inquiry(NamedTuple):
    """Everything a question needs; the answer, the failure and the money go on the call's record."""

    classifier: Classifier
    provider: Provider
    call: Call
    rules: Sequence[Rule]
    """Rules in force: a request that they keep from the classifier's target is not shown to it either."""

    def ask(self) -> Heard | None:
        """What the classifier says; None when the decision stands as it is."""
        question = self._question()
        if not isinstance(question, Request):
            return question
        try:
            reply = self.provider.complete(question)
        except Exception as exc:  # noqa: BLE001  whatever goes wrong here, also in foreign code, must not cost the caller the answer
            return self._failed(exc)
        except BaseException:
            self.call.health.abandoned(self.classifier.name, self.call.opened_at)
            raise
        return self._answered(reply)

    async def aask(self) -> Heard | None:
        """Async twin of `ask`."""
        question = self._question()
        if not isinstance(question, Request):
            return question
        try:
            reply = await self.provider.acomplete(question)
        except Exception as exc:  # noqa: BLE001  as in `ask`
            return self._failed(exc)
        except BaseException:
            self.call.health.abandoned(self.classifier.name, self.call.opened_at)
            raise
        return self._answered(reply)

    @property
    def _text(self) -> str:
        return last_user_text(self.call.request.messages)

    def _question(self) -> Request | Heard | None:
        """What to ask, or what is known without asking."""
        decision, text = self.call.decision, self._text
        if decision.is_routed or self.classifier.knows(text):
            return None
        if not text or decision.features.pin:
            return Heard()  # nothing to sort, or nothing to choose
        timeout_s = self.call.left_s(self.classifier.timeout_s)
        question = self.classifier.question(text, timeout_s=timeout_s)
        if why := self._why_not(question):
            return self.classifier.silent(f"was not asked ({why})")
        return self.call.asking(Open(self.classifier.target, timeout_s, None), question)

    def _why_not(self, question: Request) -> str | None:
        target, features = self.classifier.target.name, self.call.decision.features
        for rule in matching(self.rules, features).rules:
            if rule.only and target not in rule.only:
                return f"rule {rule.name!r} allows only {', '.join(rule.only)}"
        ailments = self.call.health.snapshot()
        if ailment := ailments.get(self.classifier.name) or ailments.get(target):
            return ailment.why
        purse = self.call.purse
        refused = None if purse is None else purse.reserve(self.classifier.target, features_of(question))
        if refused is not None:
            return str(refused)
        if self.call.health.starting(self.classifier.name):
            return None
        if purse is not None:
            purse.release()
        return "another call is finding out whether it has recovered"

    def _answered(self, reply: Reply) -> Heard:
        self.call.heard(reply)
        self.call.health.succeeded(self.classifier.name, self.call.latency_s)
        return self.classifier.heard(self._text, reply.text)

    def _failed(self, exc: Exception) -> Heard:
        error = as_provider_error(exc)
        self.call.failed(error)
        self.call.health.failed(self.classifier.name, error)
        return self.classifier.silent(f"did not answer ({error.code})")


def ask(call: Running, decide: Decide) -> None:
    """Have the classifier asked, if a call needs it, and decide again on what it said."""
    if (inquiry := _inquiry(call)) and (heard := inquiry.ask()):
        call.decide_again(decide(call.request, call.state, heard))


async def aask(call: Running, decide: Decide) -> None:
    """Async twin of `ask`."""
    if (inquiry := _inquiry(call)) and (heard := await inquiry.aask()):
        call.decide_again(decide(call.request, call.state, heard))


def _inquiry(call: Running) -> Inquiry | None:
    classifier, state = call.state.classifier, call.state
    if classifier is None or call.request.inputs:
        return None
    return Inquiry(classifier, state.provider(classifier.target), call, state.rules)
