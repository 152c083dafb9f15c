"""How whoever computes beside a run asks its worker for a core, and how the worker knows.

Two processes on the same cores slow one another down by more than their work: a product that is divided among two
threads waits for the one whose core somebody else has. So whoever computes asks for a core, and the worker computes
with a thread less until it is given back (:mod:`finsent.training.sharing`). The asking is a time in a small file of the
run, up to which the core is needed; the worker has it in its memory, and looks before each layer. Somebody who was
killed never gives it back, and what he asked for lapses.
"""

import contextlib
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from finsent.runs.record import Run
from finsent.runs.signs import is_here

#: For how long a core is asked for; who needs it longer asks again (see :mod:`finsent.runs.cores`).
_SECONDS = 15.0
#: Seconds of the clock that all processes of a machine share and nobody sets.
_UNTIL = struct.Struct("<d")


def ask_for_core(run: Run) -> None:
    """Ask the worker of a run at work on this machine for a core, for the next fifteen seconds."""
    _write(run, time.monotonic() + _SECONDS)


def give_core_back(run: Run) -> None:
    """Let the worker of a run have all its cores again."""
    _write(run, 0.0)


def _write(run: Run, until: float) -> None:
    # The worker makes the file. Where there is none, or it is another account's, training is slower and goes on.
    if is_here(run):
        with contextlib.suppress(OSError), run.asked_file.open("r+b") as file:
            file.write(_UNTIL.pack(until))


@contextlib.contextmanager
def asked_for_core(file: Path) -> Iterator[Callable[[], bool]]:
    """Give a run's worker a function that tells, in less than a microsecond, whether somebody asks for a core."""
    try:
        memory = _shared_memory(file)
    except OSError:
        # A full disk is for what must be written to tell.
        yield lambda: False
        return
    try:
        with memory:
            yield lambda: bool(_UNTIL.unpack_from(memory)[0] > time.monotonic())
    finally:
        file.unlink(missing_ok=True)


def _shared_memory(file: Path) -> mmap.mmap:
    # Never cut to nothing first: another process of the run may have it in its memory, and would be ended by a look.
    with open(file, "r+b", buffering=0, opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o666)) as opened:
        opened.write(_UNTIL.pack(0.0))
        return mmap.mmap(opened.fileno(), _UNTIL.size, access=mmap.ACCESS_READ)
