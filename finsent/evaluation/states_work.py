"""The process that reads texts or prompts with a base model: started, watched and ended by whoever is there.

One at a time for a folder of runs. ``python -m finsent.evaluation.states_work RUNS_DIR`` is that process: it is given
the texts as its standard input, says how far it is in ``runs/.states/work.json``, and keeps the result (see
:mod:`finsent.evaluation.text_states`). It goes on when the browser is closed.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from finsent.cost.estimate import known_speed
from finsent.distributed import module_command, start_detached
from finsent.errors import FinsentError, RunActiveError, WorkerStartError
from finsent.evaluation.text_states import ModelReading, compute_states, states_dir
from finsent.files import read_json, write_atomically
from finsent.inference.scoring import Report
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.locks import LOCK_SECONDS, held
from finsent.runs.processes import alive, boot_id, kill, recorded
from finsent.runs.store import Run

_SECONDS_BETWEEN_WORDS = 0.5
#: Of the log, which ends with what went wrong.
_MOST_LOG_BYTES = 10_000
#: What is being written takes far less; see :func:`_sweep`.
_SECONDS_TO_WRITE = 3_600


class StatesWork(BaseModel):
    """What ``work.json`` says: whose texts are read by which model, how far that is, and the process.

    ``done`` of ``total`` are tokens, both 0 while the model is loaded; ``reading_since`` is when the reading began
    (seconds since the epoch). ``error`` is why it ended early, "" where it did not.
    """

    model: str
    texts_hash: str
    n: int = Field(ge=0)
    done: int = Field(default=0, ge=0)
    total: int = Field(default=0, ge=0)
    reading_since: float | None = None
    error: str = ""
    pid: int | None = Field(default=None, gt=0)
    pid_created: float | None = None
    pid_ticks: int | None = None
    boot: str = ""
    host: str = ""

    @property
    def alive(self) -> bool:
        """Whether the process is at work."""
        return self.pid is not None and alive(self.pid, self.pid_created, self.pid_ticks)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far, None before there is one."""
        if not self.done or self.reading_since is None:
            return None
        return (time.time() - self.reading_since) / self.done * (self.total - self.done)

    def is_of(self, reading: ModelReading) -> bool:
        """Whether it is the work of a reading."""
        return (self.model, self.texts_hash) == (reading.model, reading.texts_hash)


def start_states(reading: ModelReading, runs_dir: Path) -> StatesWork:
    """Start to read texts in a process of its own, and return the work.

    Raises:
        RunActiveError: other texts are being read.
        WorkerStartError: the process cannot be started.
        DiskFullError: the folder of runs cannot be written; no process is left running.
    """
    with _lock(runs_dir):
        before = states_work(runs_dir)
        if before is not None and before.alive:
            raise RunActiveError(
                f"A model reads {before.n:,} texts already, and one works at a time. Wait, or cancel that."
            )
        _sweep(states_dir(runs_dir))

        def write(who: dict[str, Any]) -> StatesWork:
            work = StatesWork(model=reading.model, texts_hash=reading.texts_hash, n=len(reading.texts), **who)
            _say(work, runs_dir)
            return work

        return recorded(_process(reading, runs_dir), write)


def states_work(runs_dir: Path) -> StatesWork | None:
    """Return the work that goes on or that ended with an error, or None.

    Of a process that ended without a word, the error is the last line of its log.
    """
    try:
        work = StatesWork.model_validate(read_json(_work_file(runs_dir)))
    except (OSError, ValueError):
        return None
    if (work.host, work.boot) != (socket.gethostname(), boot_id()):
        # Of another machine that shares the folder, or of one before this machine's last start.
        return None
    if work.error or work.alive:
        return work
    # It may have ended well between the two looks.
    if not _work_file(runs_dir).is_file():
        return None
    return work.model_copy(update={"error": f"The process ended before it was done: {_last_words(runs_dir)}"})


def cancel_states(runs_dir: Path) -> None:
    """End the work that goes on, if any, and forget it; nothing of it is kept.

    Raises:
        RunStateError: the system has not ended its process.
        RunActiveError, DiskFullError: the work cannot be locked.
    """
    with _lock(runs_dir):
        work = states_work(runs_dir)
        if work is not None and work.alive:
            kill(work.pid, work.pid_created, work.pid_ticks)
        _work_file(runs_dir).unlink(missing_ok=True)


def estimated_seconds(reading: ModelReading, runs: Iterable[Run], runs_dir: Path) -> float | None:
    """Return about how long a reading takes by the measured speed of scoring such rows, None where there is none."""
    speed = known_speed(change_recipe(get_recipe("quick"), {"model": reading.model}), runs, runs_dir)
    return None if speed is None else speed.preparing + len(reading.texts) * speed.score_row


@contextmanager
def _lock(runs_dir: Path) -> Iterator[None]:
    """Hold the lock under which the work of a folder of runs is started and cancelled."""
    folder = states_dir(runs_dir)
    busy = RunActiveError(f"{folder} has been locked by another process for {LOCK_SECONDS} s. Try again soon.")
    with held(folder / ".lock", busy, str(folder), make=True):
        yield


def _process(reading: ModelReading, runs_dir: Path) -> "subprocess.Popen[bytes]":
    """Start the process; the texts are given in a file without a name, which nobody else can open."""
    try:
        with tempfile.TemporaryFile() as given, _log_file(runs_dir).open("wb") as log:
            given.write(json.dumps(asdict(reading)).encode())
            given.seek(0)
            command = (*module_command("finsent.evaluation.states_work", 1), str(runs_dir.absolute()))
            return start_detached(command, given, log)
    except OSError as error:
        raise WorkerStartError(
            f"The process that reads the texts cannot be started ({error.strerror}). Free some memory, and try again."
        ) from error


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed were writing.

    States may be being written by others, which need no lock for it: theirs stay unless they are old.
    """
    for scratch in folder.glob(".work.json.*"):
        scratch.unlink(missing_ok=True)
    for scratch in folder.glob(".*.safetensors.*"):
        # It may just have been finished.
        with suppress(FileNotFoundError):
            if time.time() - scratch.stat().st_mtime > _SECONDS_TO_WRITE:
                scratch.unlink()


def _work_file(runs_dir: Path) -> Path:
    return states_dir(runs_dir) / "work.json"


def _log_file(runs_dir: Path) -> Path:
    return states_dir(runs_dir) / "work.log"


def _last_words(runs_dir: Path) -> str:
    try:
        with _log_file(runs_dir).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _MOST_LOG_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:200] if lines else "it said nothing."


def _say(work: StatesWork, runs_dir: Path) -> None:
    write_atomically(_work_file(runs_dir), work.model_dump_json())


def _reported(work: StatesWork, runs_dir: Path) -> Report:
    """Return a report that says now and then how far the work is."""
    said = 0.0

    def report(done: int, total: int) -> None:
        nonlocal work, said
        since = work.reading_since or time.time()
        work = work.model_copy(update={"done": done, "total": total, "reading_since": since})
        if time.monotonic() - said >= _SECONDS_BETWEEN_WORDS:
            said = time.monotonic()
            _say(work, runs_dir)

    return report


def _main(runs_dir: Path) -> int:
    given = json.load(sys.stdin)
    reading = ModelReading(**given | {"texts": tuple(given["texts"])})
    # Whoever starts it holds the lock until the record is there.
    with _lock(runs_dir):
        work = states_work(runs_dir)
    if work is None or work.pid != os.getpid():
        return 2
    try:
        compute_states(reading, runs_dir, _reported(work, runs_dir))
    except MemoryError:
        return _fail(work, runs_dir, "There is too little memory for this model. Free some, or choose a smaller one.")
    except FinsentError as error:
        return _fail(work, runs_dir, str(error))
    _work_file(runs_dir).unlink(missing_ok=True)
    return 0


def _fail(work: StatesWork, runs_dir: Path, why: str) -> int:
    with suppress(FinsentError):
        _say(work.model_copy(update={"error": why}), runs_dir)
    return 2


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(_main(Path(sys.argv[1])))
