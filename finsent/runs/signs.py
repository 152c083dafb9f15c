"""Signs of life of a run's worker: its process on this machine, its heartbeat for those on others.

Several machines may share a folder of runs. Processes of another one, or of one before this machine's last start,
cannot be looked at; what they leave is the time at which the worker last wrote.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from finsent.runs.processes import alive, boot_id
from finsent.runs.record import Run

_SECONDS_BETWEEN_BEATS = 10.0
#: A worker elsewhere that has given no sign for so long is taken to be gone. A machine that is busy, or whose clock
#: is a little off, must not look like one.
SECONDS_UNTIL_LOST = 300.0


def is_here(run: Run) -> bool:
    """Whether the worker's process would be one of this machine, since its last start; records of old do not say."""
    return not run.host or (run.host == socket.gethostname() and run.boot == boot_id())


def lives(run: Run) -> bool:
    """Whether a run's worker is at work, as far as can be told from here."""
    if run.pid is None:
        return False
    if is_here(run):
        return alive(run.pid, run.pid_created, run.pid_ticks)
    return time.time() - last_sign(run) < SECONDS_UNTIL_LOST


def last_sign(run: Run) -> float:
    """Return when a worker last wrote its record, its log or its heartbeat, in seconds since the epoch."""
    times = [0.0]
    for file in (run.folder / "run.json", run.log_file, run.heartbeat_file):
        with contextlib.suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(times)


def elsewhere(run: Run) -> str:
    """Return where a run is at work and how long ago it gave a sign, or "" for one of this machine or at rest."""
    if not run.active or run.waiting or is_here(run):
        return ""
    return f"running on {run.host}, last sign of life {max(0.0, time.time() - last_sign(run)):.0f} s ago"


def on_other_host(run: Run) -> str:
    """Return `` on HOST`` for a run at work on another machine, to be said after its state; else ""."""
    return f" on {run.host}" if elsewhere(run) else ""


@contextlib.contextmanager
def heartbeat(run: Run) -> Iterator[None]:
    """Touch a run's heartbeat every ten seconds, in a thread, for as long as the context lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(run.heartbeat_file, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(file: Path, ended: threading.Event) -> None:
    while True:
        # A full disk, or a folder that was deleted, is for the work itself to tell.
        with contextlib.suppress(OSError):
            file.touch()
        if ended.wait(_SECONDS_BETWEEN_BEATS):
            return
