"""Workers and measurements forked from one process that has imported the slow libraries, for tests of very many.

A worker imports for five seconds before it does anything. What is started here differs from the real one in that alone:
it is a process with a pid, a session, a log and an end of its own, which can be killed. Other tests start the real one.
"""

import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from huggingface_hub import constants

from finsent.distributed import environment_without_group, start_detached

ROOT = Path(__file__).parents[1]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["finsent.runs.worker", "finsent.training.trainer", "finsent.models.base", "bitsandbytes", "sklearn.linear_model"]
)


class ForkedWorker:
    """What :mod:`finsent.runs.starting` needs of the process that ``start_detached`` returns."""

    def __init__(
        self, command: Sequence[str], log: Any, cwd: Path = ROOT, environment: dict[str, str] | None = None
    ) -> None:
        module, *arguments = command[command.index("-m") + 1 :]
        module = module.replace("torch.distributed.run", "tests.forked_torchrun")
        streams = (os.devnull, log.name, log.name)
        environment = environment or environment_without_group()
        self._process = _CONTEXT.Process(target=_run, args=(module, arguments, streams, str(cwd), environment))
        _start(self._process)
        self.pid = self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended, that of a signal below zero as ``Popen`` does."""
        self._process.join(timeout)
        return self._process.exitcode


def _start(process: Any) -> None:
    """Start a process that does not run this one's main module first, which under Streamlit's AppTest is a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        process.start()


def _run(module: str, arguments: list[str], streams: tuple[str, str, str], cwd: str, env: dict[str, str]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        with Path(stream).open("ab" if number else "rb") as file:
            os.dup2(file.fileno(), number)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(env)
    # The process that it is forked from read these of its own environment, that of whatever test came first.
    importlib.reload(constants)
    os.chdir(cwd)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.fixture(scope="module")
def forked_workers():
    """Let the workers of one process that a test file starts be forked ones; those of several are real."""
    from finsent.runs import starting

    def start(command: list[str], log: Any) -> Any:
        several = "torch.distributed.run" in command
        return start_detached(command, log=log) if several else ForkedWorker(command, log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starting, "start_detached", start)
        yield


@pytest.fixture
def forked_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let what measures speed and memory apart, in one process, do so in a forked one."""
    from finsent.cost import measured_memory, speed

    def run_module(
        module: str, *arguments: str, processes: int = 1, given: str = "", seconds: float | None = None
    ) -> "subprocess.CompletedProcess[str]":
        assert processes == 1
        streams = [tmp_path / f"{module}.{name}" for name in ("in", "out", "err")]
        streams[0].write_text(given)
        names = tuple(map(str, streams))
        process = _CONTEXT.Process(target=_run, args=(module, list(arguments), names, str(ROOT), dict(os.environ)))
        _start(process)
        process.join(seconds)
        said, complained = (stream.read_text() for stream in streams[1:])
        return subprocess.CompletedProcess([module, *arguments], process.exitcode, said, complained)

    for module in (speed, measured_memory):
        monkeypatch.setattr(module, "run_module", run_module)
