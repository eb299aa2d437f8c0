"""Tasks out of a repository's own history, from reversed commits, and from mutants: candidates, proven by running tests in the sandbox."""

from __future__ import annotations
