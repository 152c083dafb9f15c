"""A run's processes: who they are, whether they live, and their end.

A pid is reused, so a process is known by its pid and its start. On Linux the start is counted in ticks since the
machine's own start, which has an id: no step of the clock and no suspended laptop changes these. Elsewhere it is the
time of its creation. See proc_pid_stat(5), field 22, and random(4), boot_id.
"""

import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

from finsent.errors import RunStateError

Record = TypeVar("Record")

_SECONDS_TO_DIE = 10.0
#: What a record holds of a worker that there is none of; its keys are those of :func:`identity`.
NOBODY: dict[str, Any] = {"pid": None, "pid_created": None, "pid_ticks": None, "boot": "", "host": ""}


def identity(process: psutil.Process) -> dict[str, Any]:
    """Return by what a record knows a process of this machine again: fields of :class:`finsent.runs.record.Run`."""
    seen = _ticks(process.pid)
    return {
        "pid": process.pid,
        "pid_created": process.create_time(),
        "pid_ticks": None if seen is None else seen[1],
        "boot": boot_id(),
        "host": socket.gethostname(),
    }


def recorded(
    process: "subprocess.Popen[bytes]",
    write: Callable[[dict[str, Any]], Record],
    at_end: Callable[[int], object] = lambda code: None,
) -> Record:
    """Return what ``write`` makes of the :func:`identity` of a process that was just started to outlive this one.

    ``at_end`` is called with its exit code, should this process live so long. When ``write`` raises, nobody could find
    the process again, and it is not left running.
    """
    who = identity(psutil.Process(process.pid))
    try:
        record = write(who)
    except BaseException:
        kill(process.pid, who["pid_created"], who["pid_ticks"])
        process.wait()
        raise

    # Without a parent that waits, an ended process would stay a zombie for as long as the app runs.
    def see_off() -> None:
        at_end(process.wait())

    threading.Thread(target=see_off, name=f"end-of-{process.pid}", daemon=True).start()
    return record


def boot_id() -> str:
    """Return the id of this machine's last start, or "" where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(pid: int, created: float | None, ticks: int | None = None) -> bool:
    """Whether the process of a pid with that start lives; a zombie does not.

    ``ticks`` counts where it is known, else the time of its creation (seconds since the epoch). Without either,
    whatever process has the pid now is taken for it.
    """
    if ticks is not None and (seen := _ticks(pid)) is not None:
        return seen == (False, ticks)
    try:
        process = psutil.Process(pid)
        same = created is None or abs(process.create_time() - created) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid: int, created: float | None, ticks: int | None = None) -> bool:
    """Whether the process of a pid with that start is gone, or goes by itself within ten seconds; see :func:`alive`."""
    deadline = time.monotonic() + _SECONDS_TO_DIE
    while alive(pid, created, ticks):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill(pid: int | None, created: float | None, ticks: int | None = None) -> None:
    """Kill a process and its descendants, and return once they are seen to be gone.

    Raises:
        RunStateError: the pid or its start is not known, so that a stranger could be hit and nothing is signalled; or
            a process is still there, 10 s later.
    """
    if pid is None or (created is None and ticks is None):
        raise RunStateError(
            "The process of this run is not known for certain: its record has no pid, or no time of its creation. "
            "Nothing was ended. Ask the run to stop, or end its process by hand."
        )
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if not alive(pid, created, ticks):
            return
        # Those of torchrun have sessions of their own, which a signal to its group does not reach. The parent comes
        # first, since it may start others in place of those that end.
        _kill_each([process, *process.children(recursive=True)])


def _ticks(pid: int) -> tuple[bool, int] | None:
    """Return whether a process is a zombie, and its start in ticks; None where the system does not say."""
    try:
        # The name of the program stands in brackets and may itself hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0] == "Z", int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def _kill_each(processes: list[psutil.Process]) -> None:
    for process in processes:
        # One that is gone already, or that is not ours, must not keep the others alive.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    deadline = time.monotonic() + _SECONDS_TO_DIE
    # Looked at and not waited for: whoever started the worker collects it and learns what ended it.
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in left)
            raise RunStateError(
                f"The system has not ended process {pids} within {_SECONDS_TO_DIE:.0f} s, so the run is not called "
                "stopped. Try again, or end it by hand."
            )
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
