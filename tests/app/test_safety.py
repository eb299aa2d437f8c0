"""The app shows its data to nobody who should not see them, and takes nothing from anywhere else."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.app.driving import prepare

pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's and altair's own


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_app_is_served_on_loopback_without_telemetry():
    from routerkit_app.launch import command

    flags = command(8501)
    assert "--server.address=127.0.0.1" in flags
    assert "--browser.gatherUsageStats=false" in flags
    assert "--client.showErrorDetails=none" in flags
    assert "--client.disableDataExport=true" in flags


def test_missing_package_is_told_before_a_server_starts(monkeypatch, capsys):
    from routerkit.cli import main

    monkeypatch.setitem(sys.modules, "streamlit", None)
    monkeypatch.setattr("sys.argv", ["routerkit", "app", "--demo"])
    with pytest.raises(SystemExit):
        main()
    assert (
        "routerkit: `routerkit app` needs streamlit, which is not installed; run pip install 'routerkit[app]'\n" == capsys.readouterr().err
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_password(host, monkeypatch):
    from routerkit_app.launch import check_address

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    check_address(host, free_port())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "box.example"])
@pytest.mark.parametrize("password", [None, "short"])
def test_other_addresses_are_refused_without_a_long_password(host, password, monkeypatch):
    from routerkit_app.launch import AddressError, check_address

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    if password:
        monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", password)
    with pytest.raises(AddressError, match="ROUTERKIT_APP_PASSWORD"):
        check_address(host, free_port())


def test_other_addresses_are_open_with_a_long_password(monkeypatch):
    from routerkit_app.launch import check_address

    monkeypatch.setenv("ROUTERKIT_APP_PASSWORD", "long enough 12")
    check_address("0.0.0.0", free_port())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "ROUTERKIT_APP_PASSWORD"),
        (["--host", "192.0.2.7"], "ROUTERKIT_APP_PASSWORD"),
        (["--config", "missing.toml"], "missing.toml: no such file"),
        (["--config", "broken.toml"], "broken.toml"),
    ],
)
def test_command_line_refuses_in_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    """Before anything is served."""
    from routerkit.cli import main

    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.toml").write_text("[pools.coding]\ntargets = 3\n")
    monkeypatch.setattr("sys.argv", ["routerkit", "app", "--port", str(free_port()), *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert 2 == stopped.value.code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_taken_port_is_refused():
    from routerkit_app.launch import AddressError, check_address

    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(AddressError, match=r"in use.*--port"):
        check_address("127.0.0.1", other.getsockname()[1])


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


def test_server_ends_with_whoever_started_it():
    child = "import os, time; from routerkit.offspring import end_with; end_with(os.getppid()); print('up', flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as started:
        assert b"up\n" == started.stdout.readline()
        started.kill()
        assert b"" == started.stdout.read()  # comes to an end when the last process that could write to it has
