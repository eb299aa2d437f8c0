"""More ways out of the sandbox, running as an ordinary user, running unsafely, and the rung of containers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

import routerkit
import routerkit_evals
from routerkit_evals import Limits, Program, Sandbox, SandboxUnavailableError, open_sandbox
from routerkit_evals.canary import find_escape
from routerkit_evals.containers import BUILD, ContainerLaunch, find_container
from routerkit_evals.launch import PlainLaunch

SCRIPT = Program("script", ("probe.py",))
LIMITS = Limits(wall_s=20.0, cpu_s=10)


def output(sandbox: Sandbox, code: str) -> str:
    return sandbox.run({"probe.py": code}, SCRIPT, LIMITS).stdout


def test_socket_file_of_the_host_is_out_of_reach(sandbox: Sandbox) -> None:
    """Such as the socket of a container engine, which would be the whole machine."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path = str(Path(folder, "s"))
        server.bind(path)
        server.listen()
        Path(folder).chmod(0o755)
        Path(path).chmod(0o777)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        code = f"import socket\ntry:\n  socket.socket(socket.AF_UNIX).connect({path!r})\nexcept FileNotFoundError:\n  print('not there')"
        assert "not there\n" == output(sandbox, code)


def test_datagram_to_the_host_never_arrives(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        port = server.getsockname()[1]
        code = f"""
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port}))
except OSError:
    pass
print("end")
"""
        assert "end\n" == output(sandbox, code)
        with pytest.raises(BlockingIOError):
            server.recv(1)


def test_processes_of_the_host_are_neither_seen_nor_signalled(sandbox: Sandbox) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as host:
        code = f"""
import os
ids = sorted(int(p) for p in os.listdir("/proc") if p.isdigit())
try:
    os.kill({host.pid}, 9)
except OSError:
    pass
print(len(ids) < 10, os.getpid() in ids)
"""
        assert "True True\n" == output(sandbox, code)
        assert None is host.poll()
        host.communicate(b"\n")


def test_environment_of_process_one_is_empty(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTERKIT_TEST_KEY", "swordfish")
    code = "try:\n  print(repr(open('/proc/1/environ').read()))\nexcept OSError as exc:\n  print(type(exc).__name__)"
    with open_sandbox() as fresh:
        assert output(fresh, code) in {"''\n", "PermissionError\n"}


def test_fork_bomb_of_an_ordinary_user_is_stopped() -> None:
    """Not root: one user id for all runs, and a namespace of users around it."""
    python, site = Path("/usr/bin/python3"), sysconfig.get_path("purelib")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    paths = [str(Path(package.__file__ or "").parents[1]) for package in (routerkit, routerkit_evals)] + [site]
    if os.getuid() != 0 or not python.exists() or not all(_is_open_to_all(Path(path)) for path in paths):
        pytest.skip("only root can become another user, who must be able to read Python and this checkout")
    bomb = """
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        n += 1
except OSError:
    pass
print(n, os.getuid())
"""
    code = f"""
import sys
if "%d.%d" % sys.version_info[:2] != {version!r}:
    sys.exit(77)
from routerkit_evals import open_sandbox, Limits, Program, SandboxUnavailableError
try:
    with open_sandbox() as sandbox:
        print(sandbox.run({{"a.py": {bomb!r}}}, Program("script", ("a.py",)), Limits(wall_s=20.0)).stdout, end="")
except SandboxUnavailableError as exc:
    print(exc, file=sys.stderr)
    sys.exit(77)
"""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", code],
        user=12345,
        group=12345,
        extra_groups=[],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77:
        pytest.skip(f"an ordinary user has no sandbox here: {done.stderr.strip()}")
    assert 0 == done.returncode, done.stderr
    n, uid = map(int, done.stdout.split())
    assert (True, 65534) == (0 < n < LIMITS.processes, uid)


def _is_open_to_all(path: Path) -> bool:
    return path.exists() and all(p.stat().st_mode & 0o005 == 0o005 for p in (path, *path.parents))


def test_running_unsafely_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(PlainLaunch()) as unsafe:
        assert "here\n" == output(unsafe, "open('x', 'w').write('y'); print('here')")
        assert 1 == len(list(tmp_path.iterdir()))
    assert [] == list(tmp_path.iterdir())


def test_canary_finds_that_running_unsafely_is_no_sandbox() -> None:
    with Sandbox(PlainLaunch()) as unsafe:
        assert "reached a service on this machine" in find_escape(unsafe)


ENGINE = """#!{python}
# Stands in for an engine: answers like one, and runs the command beside us instead of in a container.
import os, shutil, sys, tempfile, json
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(arguments) + "\\n")
if arguments[0] != "run":
    sys.exit(0)
folder = tempfile.mkdtemp(dir={folder!r})
for part in arguments:
    if part.startswith("type=bind,source="):
        source, target = part.removeprefix("type=bind,source=").removesuffix(",readonly").split(",target=")
        shutil.copy(source, os.path.join(folder, os.path.basename(target)))
setup = json.loads(arguments[-1])
setup.update(work=folder, scratch=[], uid=None)
os.execv({python!r}, [{python!r}, "-s", "-B", os.path.join(folder, "jail.py"), json.dumps(setup)])
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` on the PATH that contains nothing, and no bubblewrap; returns the list of what it was told."""
    (tmp_path / "bin").mkdir()
    log = tmp_path / "told"
    docker = tmp_path / "bin" / "docker"
    docker.write_text(ENGINE.format(python=sys.executable, log=str(log), folder=str(tmp_path)))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent))
    monkeypatch.setattr("routerkit_evals.canary.find_bwrap", lambda: None)
    return log


def test_engine_that_contains_nothing_is_refused_by_the_canary(engine: Path) -> None:
    with pytest.raises(SandboxUnavailableError, match=r"bwrap is not on the PATH; container.*a trial run got out: .*reached a service"):
        open_sandbox()
    assert '"image", "inspect", "routerkit-sandbox"' in engine.read_text()


def test_container_speaks_the_protocol_and_is_removed(engine: Path) -> None:
    launch, _ = find_container()
    assert isinstance(launch, ContainerLaunch)
    with Sandbox(launch) as container:
        assert "alive\n" == output(container, "print('alive')")
    assert '"rm", "--force", "routerkit-' in engine.read_text().splitlines()[-1]


def test_container_has_no_network_no_writable_root_no_rights_and_limits() -> None:
    arguments = " ".join(ContainerLaunch("docker", "image").arguments("name"))
    for part in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--pids-limit", "--memory 2g", "--pull never"):
        assert part in arguments
    assert arguments.count("readonly") == arguments.count("--mount")


def test_no_engine_and_no_image_are_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (None, "neither docker nor podman is on the PATH") == find_container()
    (tmp_path / "podman").write_text(f"#!{shutil.which('false', path=os.defpath)}\n")
    (tmp_path / "podman").chmod(0o755)
    launch, why = find_container()
    assert (None, True, True) == (launch, why.startswith("podman did not answer"), BUILD in why)


def test_unsafe_flag_does_not_help_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(SandboxUnavailableError, match="--unsafe-no-sandbox is refused for root"):
        open_sandbox(is_unsafe=True)
