"""Start the worker process of a run and see it off when it ends."""

import contextlib
import signal
from collections.abc import Callable, Sequence
from typing import Any

from finsent.distributed import module_command, start_detached
from finsent.errors import FinsentError, WorkerStartError
from finsent.recipe import Recipe
from finsent.runs.processes import recorded
from finsent.runs.store import Run, update_run

#: What is started instead of the worker, with the run folder as its last argument; None is the worker.
Command = Sequence[str] | None


def worker_command(recipe: Recipe) -> Sequence[str]:
    """Return what is started for a run of this recipe, with the run folder as its last argument."""
    return module_command("finsent.runs.worker", recipe.processes)


def start_worker(run: Run, command: Command, at_end: Callable[[], object]) -> Run:
    """Start a run's worker in a session of its own, write its pid down, and return the run; ``at_end`` is called then.

    Raises:
        DiskFullError: the record cannot be written, so that its pid could not be either; nothing is started.
        WorkerStartError: the system refuses to start it, or its pid cannot be written down, so that nobody could find
            it again; then it is not left running.
    """
    update_run(run.folder)
    try:
        (run.folder / "stop").unlink(missing_ok=True)
        with run.log_file.open("ab") as log:
            process = start_detached([*(command or worker_command(run.recipe)), str(run.folder.absolute())], log=log)
    except OSError as error:
        raise WorkerStartError(
            f"The worker process of run {run.id} cannot be started ({error.strerror}). Free some memory, or check "
            "that Python and the run folder can be used."
        ) from error

    def write(who: dict[str, Any]) -> Run:
        return update_run(run.folder, **who)

    try:
        return recorded(process, write, lambda code: _see_off(code, run, at_end))
    except FinsentError as error:
        raise WorkerStartError(f"The worker process of run {run.id} was ended at once: {error}") from error


def _see_off(code: int, run: Run, at_end: Callable[[], object]) -> None:
    """Write down what killed a worker that ended with this code, if anything did, and call ``at_end``."""
    # The run may have been deleted meanwhile, or the disk be full; there is nobody left to tell.
    with contextlib.suppress(OSError, FinsentError):
        if code < 0:
            with run.log_file.open("a", encoding="utf-8") as log:
                log.write(f"The worker process was ended by {signal.Signals(-code).name}.\n")
        at_end()
