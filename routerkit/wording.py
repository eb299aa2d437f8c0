"""What a fitted predictor says about a request, and whether the traffic of this process is of the sort it was fitted on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from routerkit.features import last_user_text
from routerkit.messages import Message
from routerkit.predictor import Correction, Predictor

_WINDOW: Final = 200
"""Newest texts that are judged together."""
_ENOUGH: Final = 20
"""Texts from which on their share means something."""
_MOST_STRANGE: Final = 0.25
"""Share of out-of-domain texts above which the whole traffic is: one in twenty is expected, five times that is a shift."""


class Listener:
    """Asks the predictor, and stops believing it while too much of the traffic is unlike what it was fitted on.

    Thread-safe: the window is a ring of flags, and a flag more or less changes nothing.
    """

    def __init__(self) -> None:
        self._strange: deque[bool] = deque(maxlen=_WINDOW)

    def hear(self, predictor: Predictor, messages: Sequence[Message], kind: str | None) -> Correction:
        """What to add to the log-odds of success of each target.

        Args:
            predictor: Whom to ask.
            messages: Of the request.
            kind: Task kind.
        """
        correction = predictor.correction(last_user_text(messages), kind)
        if correction.by_target or correction.is_strange:
            self._strange.append(correction.is_strange)
        n, n_strange = len(self._strange), self._strange.count(True)
        if correction.by_target and n >= _ENOUGH and n_strange > _MOST_STRANGE * n:
            return Correction({}, f"{n_strange} of the last {n} texts were out of domain")
        return correction
