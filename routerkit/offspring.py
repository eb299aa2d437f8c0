"""Processes that a process makes to share its work: those that die are replaced, and all end with it, however it ends."""

from __future__ import annotations

import os
import signal
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import Final

from routerkit.errors import WorkersLostError

_ENDING: Final = (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL)
"""What children get at the first, second and third signal to end: the last one is for those that are stuck, and would keep the port."""
_HEARD: Final = frozenset({signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
_PERIOD_S: Final = 60.0
"""How long a death counts."""
_LONGEST_PAUSE_S: Final = 30.0
_AGAIN_S: Final = 1.0
"""When to try again to make a child, after the system refused."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when the one that made it is gone."""


class Nursery:
    """Keeps some children at work from a process that does nothing else, so that it can always make another one."""

    def __init__(self, n: int, tell: Callable[[str], None], at_end: Callable[[], None]) -> None:
        """Prepare.

        Args:
            n: Children to keep.
            tell: Gets a line about each child that ended without being told to.
            at_end: Called before the children are told to end.
        """
        self._n, self._tell, self._at_end = n, tell, at_end
        self._living = set[int]()
        self._deaths = deque[float]()
        """When children died, within the last minute."""
        self._wanted = [0.0] * n
        """When to make those that are missing; the next one first."""

    def tend(self) -> bool:
        """Keep the children at work until SIGINT or SIGTERM, then have them end; SIGQUIT or a second signal hurries them, a third kills.

        Returns:
            True in each child, at once; False in the parent, once no child is left.

        Raises:
            WorkersLostError: none is left, and those that took their places died, too, or none can be made.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever ignores it, as some that start programs do, gets to know of no death
        usual, parent = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD), os.getpid()
        while (heard := _heard(self._rest_s())) in (None, signal.SIGCHLD):
            self._bury()
            while self._is_due():
                if self._make() == 0:
                    signal.pthread_sigmask(signal.SIG_SETMASK, usual)
                    end_with(parent)
                    return True
        self._end(heard)
        return False

    def _make(self) -> int | None:
        """Number of a new child, 0 in the child itself; None if the system has no room for one now, of which others may have died."""
        self._wanted.pop(0)
        try:
            pid = os.fork()
        except OSError as exc:
            self._put_off(f"no worker can be made ({exc.strerror}); {len(self._living)} of {self._n} serve")
            return None
        if pid:
            self._living.add(pid)
        return pid

    def _put_off(self, why: str) -> None:
        if not self._living:
            raise WorkersLostError(f"{why}; free memory or end other processes, then start anew")
        insort(self._wanted, time.monotonic() + _AGAIN_S)
        self._tell(f"{why} on, another try follows in {_AGAIN_S:g} s")

    def _is_due(self) -> bool:
        return bool(self._wanted) and self._wanted[0] <= time.monotonic()

    def _rest_s(self) -> float:
        """Seconds for which there is nothing to do unless something is heard."""
        return max(0.0, self._wanted[0] - time.monotonic()) if self._wanted else _PERIOD_S

    def _bury(self) -> None:
        for pid, status in self._ended():
            self._note_death(time.monotonic())
            death = f"worker {pid} {_how(status)}; {len(self._living)} of {self._n} serve on"
            pause_s = self._pause_s(len(self._deaths) - self._n)
            if pause_s and not self._living:
                raise WorkersLostError(f"{death}, and {len(self._deaths)} died within a minute; mend what they told of, then start anew")
            insort(self._wanted, time.monotonic() + pause_s)
            self._tell(f"{death}, {f'another follows in {pause_s:g} s' if pause_s else 'another takes its place'}")

    def _note_death(self, now: float) -> None:
        self._deaths.append(now)
        while now - self._deaths[0] > _PERIOD_S:
            self._deaths.popleft()

    @staticmethod
    def _pause_s(n_beyond: int) -> float:
        """How long to wait before a child that just died is replaced: not at all as long as each may have died once."""
        return min(_LONGEST_PAUSE_S, 2.0 ** (n_beyond - 1)) if n_beyond > 0 else 0.0

    def _ended(self) -> list[tuple[int, int]]:
        """Numbers and statuses of children that ended since the last look."""
        # Each by its own number: the parent may have other children, which are not ours to wait for.
        found = [waited for pid in self._living if (waited := os.waitpid(pid, os.WNOHANG))[0]]
        self._living.difference_update(pid for pid, _ in found)
        return found

    def _end(self, heard: int | None) -> None:
        self._at_end()
        n_told = 1 if heard == signal.SIGQUIT else 0
        while self._living:
            if heard not in (None, signal.SIGCHLD):
                self._send(_ENDING[min(n_told, 2)])
                n_told += 1
            heard = _heard(_PERIOD_S)
            self._ended()

    def _send(self, number: signal.Signals) -> None:
        for pid in self._living:
            os.kill(pid, number)


def _heard(longest_s: float) -> int | None:
    found = signal.sigtimedwait(_HEARD, longest_s)
    return None if found is None else found.si_signo


def _how(status: int) -> str:
    return f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"ended with {os.WEXITSTATUS(status)}"


def end_with(parent: int) -> None:
    """Have the kernel end this process with the one that made it, which would else leave the port taken when it is killed."""
    import ctypes  # needed by nobody else who serves

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)
