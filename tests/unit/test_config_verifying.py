"""Checks of answers in a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from routerkit import ConfigError, Reply, Request
from routerkit.config.load import load, parse
from routerkit.judge import Judge
from routerkit.verifier import Verdict
from tests.unit.config_text import GOOD, KEY

CAREFUL = """
[policies.careful]
kind = "cascade"
verify = ["non_empty", "reviewer", "own"]
stop_loss_usd = 0.5

[verifiers.reviewer]
kind = "judge"
model = "coding/mini"

[verifiers.own]
kind = "tests.unit.test_config_verifying:Own"
word = "right"
"""


class Own:
    """A user's verifier with one option."""

    def __init__(self, word: str) -> None:
        self.word = word

    def verify(self, request: Request, reply: Reply) -> Verdict:
        return Verdict(self.word in reply.text)


class NoVerifier:
    """Lacks the method."""


def test_checks_are_built_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RK_TEST_KEY", KEY)
    (tmp_path / "routerkit.toml").write_text(GOOD + CAREFUL)
    with load(tmp_path / "routerkit.toml") as router:
        checks = router.state.verifiers
        assert {"non_empty", "reviewer", "own"} == set(checks)
        assert Judge("coding/mini") == checks["reviewer"]
        assert (("non_empty", "reviewer", "own"), 0.5) == (
            router.state.policies["careful"].settings.verify,
            router.state.policies["careful"].settings.stop_loss_usd,
        )


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"reviewer", "own"]', '"reviewr"]', "policies.careful.verify: unknown check 'reviewr'; did you mean 'reviewer'?"),
        (
            'verify = ["non_empty", "reviewer", "own"]\n',
            "",
            "policies.careful.verify: is missing, and a cascade needs checks; name some of",
        ),
        ('model = "coding/mini"', "", 'verifiers.reviewer.model: is missing; name a pool or one of its targets: "pool/target"'),
        ('"coding/mini"', '"coding/mni"', "verifiers.reviewer.model: unknown pool or target 'coding/mni'; did you mean 'coding/mini'?"),
        ('kind = "judge"', 'kind = "jude"', "verifiers.reviewer.kind: unknown kind 'jude'; did you mean 'judge'?"),
        ('kind = "judge"', 'kind = "judge"\nmodl = "x"', "verifiers.reviewer.modl: unknown key; did you mean 'model'?"),
        (
            "[verifiers.own]",
            '[verifiers.parses]\nkind = "judge"\nmodel = "coding/mini"\n[verifiers.own]',
            "verifiers.parses: 'parses' is the name of a check that is there already; choose another",
        ),
        ('verify = ["non_empty", "reviewer", "own"]', 'verify = ["tests"]', "unknown check 'tests'; add [verifiers.tests] with that kind"),
    ],
)
def test_mistake_is_one_line_with_its_remedy(old: str, new: str, error: str) -> None:
    assert old in CAREFUL
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + CAREFUL.replace(old, new), "r.toml")
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('word = "right"', "wrd = 1", "verifiers.own: refuses its options"),
        (":Own", ":NoVerifier", "refuses its options"),
        (":Own", ":Nobody", "has no 'Nobody'; correct the kind"),
        ("tests.unit.test_config_verifying:Own", "no_such_package:X", "cannot be imported"),
    ],
)
def test_class_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, error: str) -> None:
    monkeypatch.setenv("RK_TEST_KEY", KEY)
    (tmp_path / "routerkit.toml").write_text(GOOD + CAREFUL.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "routerkit.toml")
    assert error in str(caught.value)


def test_pool_with_a_bare_cascade_is_told_to_name_checks() -> None:
    with pytest.raises(ConfigError, match="a cascade needs checks"):
        parse(GOOD.replace('policy = "cheapest_adequate"', 'policy = "cascade"'), "r.toml")
