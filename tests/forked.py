"""Workers, measurements and servers forked from one process that has imported the slow libraries, for very many tests.

A worker imports for five seconds before it does anything. What is started here differs from the real one in that alone:
it is a process with a pid, a session, a log and an end of its own, which can be killed. Other tests start the real one.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from finsent.distributed import environment_without_group, start_detached

ROOT = Path(__file__).parents[1]
#: Where tests.fork_server listens, once it was started.
SOCKET = ""
_SECONDS_TO_IMPORT = 120


class ForkedWorker:
    """What :mod:`finsent.runs.starting` needs of the process that ``start_detached`` returns, and a little more."""

    def __init__(
        self,
        command: Sequence[str],
        log: IO[bytes],
        folder: Path = ROOT,
        environment: dict[str, str] | None = None,
        streams: Sequence[str] = (),
    ) -> None:
        module, *arguments = command[command.index("-m") + 1 :]
        instead = {"torch.distributed.run": "tests.forked_torchrun"}
        if os.environ.get("FINSENT_TESTS_WORKER"):
            instead["finsent.runs.worker"] = os.environ["FINSENT_TESTS_WORKER"]
        asked = {
            "module": instead.get(module, module),
            "arguments": arguments,
            "streams": streams or (os.devnull, log.name, log.name),
            "folder": str(folder),
            "environment": environment or environment_without_group(),
            "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        }
        self._server = _connected()
        self._server.sendall(json.dumps(asked).encode() + b"\n")
        self._said = self._server.makefile("r", encoding="utf-8")
        self._waiting = threading.Lock()
        self._code: int | None = None
        self.pid = int(self._said.readline())

    def __del__(self) -> None:
        # As with a Popen, nobody has to wait for what goes on alone.
        self._said.close()
        self._server.close()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended, that of a signal below zero as ``Popen`` does."""
        with self._waiting:
            if self._code is None:
                if not select.select([self._server], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
                self._code = int(self._said.readline())
            return self._code

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)


def _connected() -> socket.socket:
    """Return a connection to the process that forks, which the first of a test process starts."""
    global SOCKET
    if not SOCKET:
        SOCKET = str(Path(tempfile.mkdtemp(prefix="finsent-forks-")) / "socket")
        server = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-u", "-m", "tests.fork_server", SOCKET],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
        )
        atexit.register(server.communicate)
    connection = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + _SECONDS_TO_IMPORT
    while connection.connect_ex(SOCKET):
        assert time.monotonic() < deadline, "the process that forks others did not come to listen"
        time.sleep(0.05)
    return connection


def _start(
    command: Sequence[str], given: int | IO[bytes] = subprocess.DEVNULL, log: int | IO[bytes] = subprocess.DEVNULL
) -> Any:
    """Fork what ``start_detached`` starts, if it is a module in one process; those of several are real."""
    if "-m" not in command or "torch.distributed.run" in command or isinstance(log, int):
        return start_detached(command, given, log)
    return ForkedWorker(command, log)


def _run_module(
    module: str, *arguments: str, processes: int = 1, given: str = "", seconds: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Fork what ``finsent.distributed.run_module`` runs."""
    assert processes == 1
    with tempfile.TemporaryDirectory(prefix="finsent-forks-") as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_text(given)
        with streams[1].open("ab") as log:
            process = ForkedWorker(["-m", module, *arguments], log, ROOT, dict(os.environ), list(map(str, streams)))
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            raise
        said, complained = (stream.read_text() for stream in streams[1:])
    return subprocess.CompletedProcess([module, *arguments], code, said, complained)


def fork_workers(patch: pytest.MonkeyPatch) -> None:
    """Let this process fork the workers of runs in one process."""
    from finsent.runs import starting

    patch.setattr(starting, "start_detached", _start)


def fork_measurements(patch: pytest.MonkeyPatch) -> None:
    """Let what measures speed and memory apart, in one process, do so in a forked one."""
    from finsent.bench import growth
    from finsent.cost import measured_memory, speed

    for module in (growth, speed, measured_memory):
        patch.setattr(module, "run_module", _run_module)


@pytest.fixture(scope="module")
def forked_workers():
    """Let the workers of one process that a test file starts be forked ones; those of several are real."""
    with pytest.MonkeyPatch.context() as patch:
        fork_workers(patch)
        yield


@pytest.fixture
def forked_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what measures speed and memory apart, in one process, do so in a forked one."""
    fork_measurements(monkeypatch)
