"""A process that has imported the slow libraries, and forks others from itself: ``python -m tests.fork_server SOCKET``.

It is asked by :class:`tests.forked.ForkedWorker`, through the socket, and ends with its standard input. What it forks
is a process with a session of its own; and forks workers and measurements in its turn.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forked

#: What workers, measurements and the app's server import before they do anything.
SLOW = (
    "finsent.runs.worker",
    "finsent.training.trainer",
    "finsent.models.base",
    "bitsandbytes",
    "sklearn.linear_model",
    "streamlit.web.cli",
)


def serve(path: str) -> dict[str, Any] | None:
    """Fork whoever is asked for until the standard input ends; in each of these, return what was asked."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(16)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            asking, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                return watch(asking)
            asking.close()
            # Those that watched what has ended.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        return None


def watch(asking: socket.socket) -> dict[str, Any]:
    """Fork the process that is asked for, which returns what was asked; tell its pid, and in the end its exit code."""
    with asking, asking.makefile("r", encoding="utf-8") as lines:
        asked = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            return asked
        # Whoever asked may be gone before the process is.
        with contextlib.suppress(OSError):
            asking.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            asking.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(asked: dict[str, Any]) -> None:
    """Be the module that is asked for, with its own arguments, streams, folder, environment and cores."""
    from huggingface_hub import constants

    os.setsid()
    for number, stream in enumerate(asked["streams"]):
        with Path(stream).open("ab" if number else "rb") as file:
            os.dup2(file.fileno(), number)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(asked["environment"])
    # The process that it is forked from has read these of its own environment.
    importlib.reload(constants)
    if asked["cores"]:
        os.sched_setaffinity(0, asked["cores"])
    os.chdir(asked["folder"])
    sys.argv[1:] = asked["arguments"]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


def main(path: str) -> None:
    """Import, then serve."""
    for module in SLOW:
        importlib.import_module(module)
    forked.SOCKET = path
    with pytest.MonkeyPatch.context() as patch:
        forked.fork_workers(patch)
        forked.fork_measurements(patch)
        # Objects that the collector visits are copied for the one that visits them.
        gc.freeze()
        asked = serve(path)
        if asked:
            become(asked)


if __name__ == "__main__":
    main(sys.argv[1])
