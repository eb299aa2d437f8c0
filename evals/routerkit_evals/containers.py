"""The sandbox's second rung: Docker or Podman, where bubblewrap is missing and an engine with our image answers.

The same supervisor as under bubblewrap runs as the container's first process, so a warm container serves many runs. Nothing is ever
pulled: an image is made once by hand, and the canary tries every container sandbox out before anything else runs in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from typing import Final

from routerkit_evals.launch import RUNNER, Started, setup_of

ENGINES: Final = ("docker", "podman")
IMAGE: Final = "routerkit-sandbox"
"""Default image: Python and pytest, nothing else; another is named by ROUTERKIT_SANDBOX_IMAGE."""
BUILD: Final = r"printf 'FROM python:3.11-slim\nRUN pip install pytest\n' | docker build -t routerkit-sandbox -"
_ANSWER_S: Final = 10.0
_FIRST_UID: Final = 20_000
"""Inside the 65,536 ids a rootless engine has, above those of the image's own users."""
_ENVIRONMENT: Final = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR", "CONTAINER_HOST")
"""What the engine's client needs to find its engine; the container sees none of it."""


@dataclass(frozen=True, slots=True)
class ContainerLaunch:
    """No network, read-only root, no capabilities but those for changing the user, limits; one unused user id per run."""

    engine: str
    """Path of the client."""
    image: str
    level: str = "container+rlimits"

    def start(self) -> Started:
        """Start one container.

        Raises:
            OSError: the client cannot be run.
        """
        errors = tempfile.TemporaryFile()  # noqa: SIM115  the jail closes it
        name = f"routerkit-{uuid.uuid4().hex[:12]}"
        process = subprocess.Popen(  # noqa: S603  our own command line, no shell
            self.arguments(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=_client_environment(), cwd="/"
        )
        return Started(process, errors, lambda: self._remove(name))

    def arguments(self, name: str) -> list[str]:
        """The command line of one container."""
        mounts = [f"type=bind,source={outside},target=/rk/{inside},readonly" for inside, outside in RUNNER]
        return [
            *(self.engine, "run", "--rm", "--interactive", "--pull", "never", "--name", name),
            *("--network", "none", "--read-only", "--user", "0:0", "--workdir", "/job", "--hostname", "sandbox"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *(part for capability in ("SETUID", "SETGID", "KILL", "DAC_OVERRIDE") for part in ("--cap-add", capability)),
            *("--pids-limit", "128", "--memory", "2g", "--memory-swap", "2g", "--cpus", "2"),
            *("--tmpfs", "/job:rw,exec,size=64m,mode=0755", "--tmpfs", "/tmp:rw,size=64m,mode=1777"),  # noqa: S108  inside the container
            *("--shm-size", "64m"),
            *(part for mount in mounts for part in ("--mount", mount)),
            *("--entrypoint", "python", self.image, "-s", "-B", "/rk/jail.py"),
            setup_of(work="/job", scratch=("/tmp", "/dev/shm"), uid=_FIRST_UID),  # noqa: S108  inside the container
        ]

    def _remove(self, name: str) -> None:
        # Killing the client does not end the container.
        _ask([self.engine, "rm", "--force", name])


def find_container() -> tuple[ContainerLaunch | None, str]:
    """Launch of the first engine that answers and has the image; else None and one line why not."""
    image = os.environ.get("ROUTERKIT_SANDBOX_IMAGE", IMAGE)
    found = [path for path in map(shutil.which, ENGINES) if path]
    for engine in found:
        if _ask([engine, "image", "inspect", image]):
            return ContainerLaunch(engine, image), ""
    if not found:
        return None, "neither docker nor podman is on the PATH"
    names = " and ".join(path.rpartition("/")[2] for path in found)
    return None, f"{names} did not answer, or without an image {image!r} (make it: {BUILD})"


def _ask(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_ANSWER_S, check=False, env=_client_environment())  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _client_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
