"""The command line: one line for what is wrong, exit codes a script can use, and a light `--help`."""

from __future__ import annotations

import errno
import io
import json
import re
import runpy
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from routerkit.cli import app as cli_app
from routerkit.cli import main
from routerkit.cli.app import LAZY, Lazy, load_command
from routerkit.cli.tables import print_table
from routerkit.config import discovery, parse
from routerkit.config.discovery import KEYS, PORTS, discover, served_models
from routerkit.config.init import render
from routerkit.errors import ConfigError
from tests.full_disk import largest_file

KEY = "sk-test-canary0123456789abcdef"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["routerkit", *args])
        try:
            main()
            code = 0
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
        out, err = capsys.readouterr()
        return code, out, err

    return call


class Server(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one model that answers and one that does not exist."""

    def do_GET(self) -> None:
        if self.path.startswith("/v1/away/"):
            self.send_response(302)
            self.send_header("Location", "/v1/models")
            self.end_headers()
            return
        models = [{"id": "tiny-chat"}, {"id": "tiny-embed"}, {"id": "bad\nid"}, {"id": "big-chat"}, "nonsense"]
        self._send(200, {"data": models})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] != "tiny-chat":
            self._send(404, {"error": {"message": f"no model, your key was {self.headers['Authorization']}", "code": "model_not_found"}})
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        self._send(200, {"id": "1", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage})

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/v1"
    httpd.shutdown()
    thread.join(5)
    httpd.server_close()


def write_config(folder: Path, url: str, *models: str) -> None:
    targets = "".join(f'[targets.{m}]\nprovider = "here"\nmodel = "{m}"\n' for m in models)
    head = f'[providers.here]\nkind = "openai"\nbase_url = "{url}"\napi_key = "file:key"\n'
    (folder / "routerkit.toml").write_text(f"{head}{targets}[pools.coding]\ntargets = {json.dumps(models)}\n")
    (folder / "key").write_text(KEY)


def no_server(url: str, key: str | None) -> None:
    return None


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    heavy = {"pydantic", "duckdb", "litellm", "streamlit", "httpx", "httptools", "rich", "routerkit_evals"}
    code = (
        "import sys\nfrom routerkit.cli import main\nsys.argv = ['routerkit', '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\nprint('heavy', sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "heavy []" == done.stdout.splitlines()[-1]
    for name, lazy in LAZY.items():
        assert any(line.split()[:1] == [name] and lazy.help[:30] in line for line in done.stdout.splitlines()), name


def test_version_is_printed(run: Run) -> None:
    code, out, _ = run("--version")
    assert 0 == code
    assert out.startswith("routerkit 0.")


def test_misspelt_command_gets_the_nearest(run: Run) -> None:
    code, _, err = run("exlain")
    assert 2 == code
    assert "Did you mean 'explain'?" in err


def test_command_whose_package_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_app, "LAZY", {"graph": Lazy("no_such_package.cli", "app", "Draw.", "graphs")})
    with pytest.raises(ConfigError, match=r"`routerkit graph` needs no_such_package, .* pip install 'routerkit\[graphs\]'"):
        load_command("graph")


def test_package_that_is_missed_only_while_a_command_runs_is_told_alike(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "routerkit.gateway.server", None)  # as if what it imports were not installed
    what = "`routerkit keys` needs routerkit.gateway.server, which is not installed; run pip install 'routerkit[gateway]'"
    assert (2, "", f"routerkit: {what}\n") == run("keys", "list")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["", "--rpm", "5"], "'' is not a name for a key; say whose it is"),
        (["ci", "--pools", ""], "--pools '' names nothing; leave it out for all"),
        (["ci", "--agents", ","], "--agents ',' names nothing; leave it out for all"),
    ],
)
def test_key_is_never_wider_than_what_was_typed(run: Run, tmp_path: Path, args: list[str], told: str) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    assert (2, "", f"routerkit: {told}\n") == run("keys", "create", *args)


def test_list_of_keys_says_when_one_expires(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    assert 0 == run("keys", "create", "ci", "--days", "1")[0]
    assert re.search(r" ci  all pools, until \d{4}-\d\d-\d\d \d\d:\d\d UTC$", run("keys", "list")[1])


def test_key_is_revoked_by_its_id_or_by_a_name_that_one_has(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    ids = [run("keys", "create", name)[1].split("-")[1] for name in ("ci", "dev", "dev")]
    assert (0, f"revoked {ids[0]}\n", "") == run("keys", "revoke", "ci")
    assert (2, "", "routerkit: no active key 'ci'; `routerkit keys list` shows them\n") == run("keys", "revoke", "ci")
    assert f"2 active keys are named 'dev'; revoke one by its id: {ids[1]} or {ids[2]}" in run("keys", "revoke", "dev")[2]
    assert (0, f"revoked {ids[2]}\n", "") == run("keys", "revoke", ids[2])
    assert (0, f"revoked {ids[1]}\n", "") == run("keys", "revoke", "dev")


def test_narrow_terminal_cuts_no_value(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("record", "target"), [["1a21d5d5cd2434471a9e3f4", "a-target-with-a-long-name"]])
    assert "1a21d5d5cd2434471a9e3f4   a-target-with-a-long-name" in capsys.readouterr().out


def test_wrong_configuration_is_one_line_and_code_2(run: Run) -> None:
    assert (2, "", "routerkit: routerkit.toml: no such file; write a first one with `routerkit init`\n") == run("explain", "hi")


def test_value_of_a_file_neither_moves_the_cursor_nor_fills_the_screen(run: Run) -> None:
    Path("routerkit.toml").write_text(f'"\\u001b[2J{"x" * 9_000}" = 1')
    code, _, err = run("explain", "hi")
    assert (2, False, 1) == (code, "\x1b" in err, err.count("\n"))
    assert len(err) < 2_100


def test_interrupt_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(discovery, "discover", interrupt)
    code, _, err = run("init")
    assert 130 == code
    assert "Traceback" not in err


def test_full_disk_is_one_line_and_code_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "tasks.jsonl.journal")

    monkeypatch.setattr(cli_app, "app", full)  # the command tree itself, because none of its commands fails so at will
    assert (2, "", "routerkit: tasks.jsonl.journal: No space left on device; free the disk, then run the same command again\n") == run()


def test_path_that_may_not_be_used_is_one_line_and_other_faults_are_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "data/hot")

    def lost() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(cli_app, "app", forbidden)
    assert (2, "", "routerkit: data/hot: Permission denied; correct the path, or what you may do there\n") == run()
    monkeypatch.setattr(cli_app, "app", lost)
    with pytest.raises(OSError, match="Bad file descriptor"):
        run()


def test_terminal_without_a_letter_gets_a_question_mark(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    with (tmp_path / "routerkit.toml").open("a") as config:
        config.write('[[rules]]\nname = "∞"\nwhen = { kind = "explain" }\nprefer = ["a"]\n')
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    assert 0 == run("explain", "hi", "--kind", "explain")[0]
    shown.seek(0)
    assert "rule='?'" in shown.read()


def test_reader_that_leaves_early_causes_no_noise(tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", *(f"m{i}" for i in range(400)))
    command = f"{sys.executable} -c 'from routerkit.cli import main; main()' explain hi --json | head -c 10"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert "" == done.stderr


def test_explain_shows_the_decision_without_key_or_call(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a", "b")
    (tmp_path / "key").unlink()
    code, out, _ = run("explain", "fix this bug", "--tags", "x, y")
    assert 0 == code
    assert out.startswith("pool=coding kind=bug_fix policy=cheapest_adequate picked=a")
    assert 2 == sum(line.startswith(("  a ", "  b ")) for line in out.splitlines())


def test_explain_reads_standard_input_and_prints_json(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 4000))
    code, out, _ = run("explain", "-", "--kind", "review", "--agent", "planner", "--json")
    features = json.loads(out)["features"]
    assert (0, "review", "planner", 1001) == (code, features["kind"], features["agent"], features["input_tokens"])


def test_explain_reads_a_file(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    (tmp_path / "prompt.txt").write_text("Explain this function.")
    assert "kind=explain" in run("explain", "--file", "prompt.txt")[1]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "give either a prompt, - for standard input, or --file PATH"),
        (["hi", "--file", "x"], "give either a prompt"),
        (["--file", "none.txt"], "--file none.txt: cannot be read (No such file or directory)"),
        (["hi", "--kind", "explan"], "--kind 'explan': unknown task kind; did you mean 'explain'?"),
        (["hi", "--pool", "codin"], "codin"),
    ],
)
def test_explain_tells_what_it_cannot_use(run: Run, tmp_path: Path, args: list[str], told: str) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    code, out, err = run("explain", *args)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert told in err


def test_check_calls_every_target_and_is_0_only_if_all_answer(run: Run, tmp_path: Path, server: str) -> None:
    write_config(tmp_path, server, "tiny-chat")
    code, out, _ = run("check")
    assert 0 == code
    assert out.startswith("ok    tiny-chat ")

    write_config(tmp_path, server, "tiny-chat", "nobody")
    code, out, err = run("check")
    good, bad = out.splitlines()
    assert 2 == code
    assert good.startswith("ok    tiny-chat")
    assert bad.startswith("FAIL  nobody     not_found: ")
    assert bad.endswith("-> correct the model of target 'nobody' or base_url of provider 'here'")
    assert KEY not in out + err


def test_check_tells_of_a_server_that_is_not_there(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    code, out, _ = run("check", "--json")
    (finding,) = json.loads(out)
    assert (2, False, "connect") == (code, finding["ok"], finding["code"])
    assert "start the server, or correct base_url of provider 'here'" == finding["remedy"]


def test_check_tells_how_to_get_a_local_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    provider = '[providers.cpu]\nkind = "local"\nmodel = "smollm2"\n'
    (tmp_path / "routerkit.toml").write_text(
        f'{provider}[targets.a]\nprovider = "cpu"\nmodel = "smollm2"\n[pools.coding]\ntargets = ["a"]\n'
    )
    told = "not_found: local model 'smollm2' is not on this machine -> run: routerkit local pull smollm2"
    assert (2, f"FAIL  a  {told}\n") == run("check")[:2]


def test_check_with_a_missing_key_is_a_configuration_problem(run: Run, tmp_path: Path) -> None:
    write_config(tmp_path, "http://127.0.0.1:9/v1", "a")
    (tmp_path / "key").unlink()
    code, out, err = run("check")
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert "routerkit.toml:4: providers.here.api_key: file:key: cannot read" in err


def test_help_of_every_command_looks_alike(run: Run) -> None:
    for name in LAZY:
        code, out, err = run(name, "--help")
        assert (0, True, "") == (code, out.startswith("Usage: ") and "completion" not in out, err), name


@pytest.mark.parametrize("group", [(), ("eval",), ("scores",), ("ledger",), ("keys",), ("local",)])
def test_list_of_commands_has_whole_sentences(run: Run, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = run(*group, "--help")[1].partition("Commands:\n")[2].splitlines()
    assert len(commands) > 1
    assert [] == [line for line in commands if line.endswith("...")]


def test_init_takes_the_file_by_the_option_that_all_others_have(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "served_models", no_server)
    code, out, _ = run("init", "--config", "mine.toml")
    assert (0, True) == (code, (tmp_path / "mine.toml").exists())
    assert out.endswith("routerkit check --config mine.toml\n")


def test_init_says_what_local_models_need_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "served_models", no_server)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    for variable in (*KEYS.values(), "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    steps = "pip install 'routerkit[local]' && routerkit local pull smollm2 gemma-270m && routerkit check"
    assert run("init")[1].endswith(f"wrote routerkit.toml; next: {steps}\n")


@pytest.mark.parametrize("command", [("init",), ("demo", "--yes", "--folder", ".")])
def test_first_configuration_is_written_whole_or_not_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Half of one would be refused, or taken for all of it, when the disk has room again."""
    monkeypatch.setattr(discovery, "served_models", no_server)
    with largest_file(10):
        code, _, err = run(*command)
    assert (2, []) == (code, list(tmp_path.iterdir()))
    assert "routerkit.toml: cannot be written (File too large)" in err


def test_init_writes_what_can_be_loaded_and_never_overwrites(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "served_models", no_server)
    for variable in (*KEYS.values(), "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    code, out, _ = run("init")
    assert 0 == code
    assert out.endswith("wrote routerkit.toml; next: routerkit check\n")
    written = (tmp_path / "routerkit.toml").read_text()
    assert "coding" in parse(written).pools
    assert KEY not in written + out

    code, out, err = run("init")
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert "exists already and is never overwritten" in err
    assert written == (tmp_path / "routerkit.toml").read_text()


def test_every_key_found_becomes_a_provider_with_a_cheap_and_a_strong_model() -> None:
    found = discover(dict.fromkeys(KEYS.values(), KEY), no_server)
    config = parse(render(found))
    assert set(KEYS) == set(config.providers)
    assert {"openai": "openai"} | dict.fromkeys(set(KEYS) - {"openai"}, "litellm") == {n: p.kind for n, p in config.providers.items()}
    assert 2 * len(KEYS) == len(config.targets) == len(config.pools["coding"].targets)
    assert all(f"env:{variable}" in render(found) for variable in KEYS.values())
    assert KEY not in render(found)


def test_servers_on_loopback_are_found_and_free_unless_they_may_resell() -> None:
    found = discover({}, lambda url, key: ("qwen", "nomic-embed-text", "llama", "third") if ":4000" in url or ":11434" in url else None)
    document = tomllib.loads(render(found))
    assert {"ollama": "http://127.0.0.1:11434/v1", "proxy": "http://127.0.0.1:4000/v1"} == {
        name: provider["base_url"] for name, provider in document["providers"].items()
    }
    assert ["qwen", "llama", "proxy-qwen", "proxy-llama"] == list(document["targets"])
    assert {"input": 0, "output": 0} == document["targets"]["qwen"]["usd_per_mtok"]
    assert "usd_per_mtok" not in document["targets"]["proxy-qwen"]


def test_openai_base_url_is_asked_for_its_models_and_not_found_twice() -> None:
    asked: list[str] = []

    def ask(url: str, key: str | None) -> tuple[str, ...] | None:
        asked.append(url)
        return ("my-model",) if ":8000" in url else None

    found = discover({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1/", "OPENAI_API_KEY": KEY}, ask)
    assert [("openai", "http://127.0.0.1:8000/v1", ("my-model",))] == [
        (f.name, f.base_url, tuple(m.model for m in f.models)) for f in found
    ]
    assert len(PORTS) == len(asked)


def test_without_keys_and_servers_the_local_models_are_used() -> None:
    config = parse(render(discover({"OPENAI_API_KEY": "  "}, no_server)))
    assert ["local", "local"] == [provider.kind for provider in config.providers.values()]


def test_a_servers_printable_models_are_listed(server: str) -> None:
    assert ("tiny-chat", "tiny-embed", "big-chat") == served_models(server)


def test_redirects_and_proxies_are_not_followed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served_models(f"{server}/away") is None
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert served_models(server) is not None


def test_silent_port_has_no_models() -> None:
    assert served_models("http://127.0.0.1:9/v1") is None


@pytest.mark.parametrize("url", ["http://10.0.0.1/v1", "http://models.example/v1", "http://127.0.0.1.example/v1", "nonsense"])
def test_nothing_but_this_machine_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "build_opener", lambda *handlers: pytest.fail("asked"))
    assert served_models(url) is None


def test_package_runs_as_the_command_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["routerkit", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("routerkit", run_name="__main__")
    assert (0, True) == (ended.value.code or 0, capsys.readouterr().out.startswith("routerkit "))
