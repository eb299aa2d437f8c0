"""Commands that empty pages show: they can be typed as they stand."""

from __future__ import annotations

import shlex

import pytest
from typer.testing import CliRunner

from routerkit.cli.app import app

pytest.importorskip("streamlit", reason="the app extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's and altair's own
CONFIG = """
[providers.sim]
kind = "simulated"
[targets.sim]
provider = "sim"
model = "sim"
[pools.first]
targets = ["sim"]
policy = "best"
[pools.second]
targets = ["sim"]
policy = "best"
"""


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """The module, as in an app that was started in an empty folder."""
    from routerkit_app import first_steps

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUTERKIT_APP_CONFIG", str(tmp_path / "routerkit.toml"))
    return first_steps


def words(line: str) -> list[str]:
    return shlex.split(line, comments=True)


def test_first_of_all_a_configuration_is_written(steps, tmp_path):
    """Until there is one; the commands after it find it by themselves."""
    assert [["routerkit", "init"], ["routerkit", "serve"], ["curl", "-s"]] == [words(line)[:2] for line in steps.to_call().splitlines()]
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    assert "init" not in steps.to_call()
    assert '"model": "first"' in steps.to_call()
    assert "--pool first" in steps.to_measure()


def test_configuration_elsewhere_is_named(steps, tmp_path, monkeypatch):
    place = tmp_path / "some where" / "other.toml"
    monkeypatch.setenv("ROUTERKIT_APP_CONFIG", str(place))
    assert ["routerkit", "init", "--path", str(place)] == words(steps.to_configure())
    assert all(str(place) in words(line) for line in (*steps.to_measure().splitlines(), *steps.to_call().splitlines()[:2]))


def test_commands_know_their_options(steps):
    """Each is asked for its help, which names every option that is shown."""
    for line in {*steps.to_call().splitlines(), *steps.to_measure().splitlines()}:
        command, *given = words(line)
        if command == "routerkit":
            name = [word for word in given if not word.startswith("-")][: 2 if given[0] in {"eval", "scores"} else 1]
            shown = CliRunner().invoke(app, [*name, "--help"]).output
            assert not [option for option in given if option.startswith("--") and option not in shown]
