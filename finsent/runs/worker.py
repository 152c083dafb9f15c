"""The process behind a run: from its first record to its end, whatever ends it.

Started by :mod:`finsent.runs.queue` as ``python -m finsent.runs.worker RUN_FOLDER``; its output is the run's log. It
owns the run's state from ``preparing`` to the end, looks for a request to stop between steps and between batches, and
ends every failure in one sentence in ``run.json`` with the traceback in the log. The work itself stands in
:mod:`finsent.runs.stages`.
"""

import importlib.metadata
import logging
import os
import sys
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path

import psutil

from finsent.distributed import is_main, leave, under_torchrun
from finsent.errors import DiskFullError, RunActiveError, RunStopped
from finsent.machine import hardware
from finsent.runs.failures import give_room_back, in_words
from finsent.runs.locks import worker_lock
from finsent.runs.processes import identity
from finsent.runs.progress import log, record, say
from finsent.runs.queue import start_next
from finsent.runs.signs import heartbeat
from finsent.runs.stages import carry_out
from finsent.runs.store import Run, RunState, read_run, update_run
from finsent.uncompiled import compile_nothing

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "safetensors")


def main(folder: Path) -> int:
    """Carry out the run in a folder and return the process's exit code: 0 done or stopped, 1 failed or refused."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    run = read_run(folder)
    if not is_main():
        return _carry_out(run)
    try:
        with worker_lock(folder), heartbeat(run):
            return _carry_out(run)
    except (DiskFullError, RunActiveError) as error:
        log.info("%s", error)
        return 1


def _carry_out(run: Run) -> int:
    # Of several processes, torchrun lives as long as the run does.
    process = (psutil.Process().parent() if under_torchrun() else None) or psutil.Process()
    run = record(
        run,
        state=RunState.PREPARING,
        started=run.started or datetime.now(UTC),
        resumed=datetime.now(UTC) if run.started else None,
        ended=None,
        error=None,
        warning=None,
        versions={"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in PACKAGES},
        hardware=hardware(),
        **identity(process),
    )
    say("Run %s, recipe %s", run.id, run.recipe.model_dump_json())
    try:
        carry_out(run)
    except RunStopped as stopped:
        _finish(run, RunState.STOPPED, str(stopped))
        return 0
    except Exception as error:
        _fail(run, error)
        return 1
    finally:
        leave()
        if is_main():
            give_room_back(run.folder)
    _finish(run, RunState.DONE, None)
    return 0


def _finish(run: Run, state: RunState, error: str | None) -> None:
    say("%s%s", state, f": {error}" if error else "")
    record(run, state=state, error=error, ended=datetime.now(UTC))


def _fail(run: Run, error: Exception) -> None:
    """Write down why the run ends. Any process may fail, and the others then fail for want of it."""
    words = str(in_words(error, run.recipe, run.folder))
    give_room_back(run.folder)
    log.info(traceback.format_exc())
    log.info("%s: %s", RunState.FAILED, words)
    if read_run(run.folder).active:
        update_run(run.folder, state=RunState.FAILED, error=words, ended=datetime.now(UTC))


if __name__ == "__main__":
    compile_nothing()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Deprecations inside the libraries are for their authors, not for whoever reads a run's log.
    warnings.simplefilter("ignore", FutureWarning)
    run_folder = Path(sys.argv[1]).absolute()
    exit_code = main(run_folder)
    # The next in the queue gets its turn even when no app is there to see to it.
    if is_main():
        start_next(run_folder.parent)
    sys.exit(exit_code)
