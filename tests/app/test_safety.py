"""The app shows its data to nobody who should not see them, and takes nothing from anywhere else."""

from __future__ import annotations

import pytest

from tests.app.driving import prepare

pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's and altair's own


def test_app_is_served_on_loopback_without_telemetry():
    from routerkit_app.launch import command

    flags = command(8501)
    assert "--server.address=127.0.0.1" in flags
    assert "--browser.gatherUsageStats=false" in flags
    assert "--client.showErrorDetails=none" in flags
    assert "--client.disableDataExport=true" in flags


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_password(host, monkeypatch):
    from routerkit_app.launch import check_address

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    check_address(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "box.example"])
@pytest.mark.parametrize("password", [None, "short"])
def test_other_addresses_are_refused_without_a_long_password(host, password, monkeypatch):
    from routerkit_app.launch import UnsafeAddressError, check_address

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    if password:
        monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", password)
    with pytest.raises(UnsafeAddressError, match="ROUTERKIT_APP_PASSWORD"):
        check_address(host)
    monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", "long enough 12")
    check_address(host)


def test_command_line_refuses_in_one_line(monkeypatch):
    from typer.testing import CliRunner

    from routerkit.cli.app import app

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    result = CliRunner().invoke(app, ["app", "--host", "0.0.0.0"])
    assert (2, 1) == (result.exit_code, result.output.count("\n"))


def test_nothing_is_shown_before_the_password(tmp_path, monkeypatch):
    """No page, no menu, no filter; the right password opens all of them."""
    at = prepare(tmp_path, monkeypatch)
    monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", "correct horse")
    at.run()
    assert not at.title
    assert not at.sidebar.multiselect
    at.text_input(key="password").set_value("correct horse").run()
    assert "Overview" == at.title[0].value


def test_wrong_password_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("routerkit_app.password._PAUSE_S", 0.0)
    at = prepare(tmp_path, monkeypatch)
    monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", "correct horse")
    at.run()
    at.text_input(key="password").set_value("wrong horse").run()
    assert not at.title
    assert "not the password" in at.error[0].value
