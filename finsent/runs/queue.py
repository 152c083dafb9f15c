"""Start, queue, watch, stop and resume the worker processes behind runs; one is at work at a time.

The worker leads a session of its own and writes everything it knows into the run folder, so it outlives the app,
the browser and the terminal that started it; whoever comes later finds it again by reading that folder.
"""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from finsent.data.prepared import Prepared
from finsent.errors import (
    DiskFullError,
    RunActiveError,
    RunStateError,
    WorkerStartError,
)
from finsent.recipe import Recipe
from finsent.runs.beginning import Beginning
from finsent.runs.deletion import discard, finish_deletions
from finsent.runs.locks import launch_lock, worker_holds
from finsent.runs.processes import NOBODY, ends, kill
from finsent.runs.reach import settle, validate_launch
from finsent.runs.removed import check_can_go_on
from finsent.runs.rows import prepare_again
from finsent.runs.signs import is_here, on_other_host
from finsent.runs.starting import Command, start_worker
from finsent.runs.store import (
    Run,
    RunState,
    active_run,
    create_run,
    log_tail,
    read_run,
    request_stop,
    update_run,
    waiting_runs,
)

__all__ = [
    "end_now",
    "follow",
    "launch",
    "log_tail",
    "refuse_beside_run",
    "resume",
    "start_next",
    "stop",
    "submit",
]


def launch(
    recipe: Recipe,
    runs_dir: Path,
    name: str = "",
    command: Command = None,
    prepared: Prepared | None = None,
    beginning: Beginning | None = None,
) -> Run:
    """Create a run and start its worker in the background, if no other run is at work.

    ``command`` is started instead of the worker. Relative paths in the recipe are those of the caller, and
    are made absolute, since the worker has another working folder. ``prepared`` is the recipe's data where they have
    been read already, and ``beginning`` what the run starts with besides its recipe.

    Raises:
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: the recipe asks for what is not there.
        RunActiveError: another run is at work.
        DiskFullError: the run folder cannot be written.
        WorkerStartError: the system refuses to start the process. In all cases nothing is left behind.
    """
    recipe = validate_launch(recipe, prepared)
    start_next(runs_dir, command)
    with launch_lock(runs_dir):
        refuse_beside_run(runs_dir)
        run = create_run(recipe, runs_dir, name, beginning=beginning)
        try:
            return _start(run, command)
        except (DiskFullError, WorkerStartError):
            discard(run.folder)
            raise


def submit(
    recipe: Recipe,
    runs_dir: Path,
    name: str = "",
    estimated_seconds: float | None = None,
    command: Command = None,
    prepared: Prepared | None = None,
    beginning: Beginning | None = None,
) -> Run:
    """Create a run that starts now or, while another one is at work, in its turn.

    ``estimated_seconds`` is kept on the run, so that the estimate can be held against the truth. ``prepared`` is the
    recipe's data where they have been read already, and ``beginning`` what the run starts with besides its recipe.

    Raises:
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: the recipe asks for what is not there.
        DiskFullError: the run folder cannot be written. In all cases nothing is left behind.
    """
    recipe = validate_launch(recipe, prepared)
    with launch_lock(runs_dir):
        run = create_run(recipe, runs_dir, name, beginning=beginning)
        try:
            update_run(run.folder, estimated_seconds=estimated_seconds)
        except DiskFullError:
            discard(run.folder)
            raise
    start_next(runs_dir, command)
    return read_run(run.folder)


def refuse_beside_run(runs_dir: Path) -> None:
    """Raise RunActiveError where a run is at work: who follows one to its end does not wait for another's."""
    busy = active_run(runs_dir)
    if busy is not None:
        raise RunActiveError(
            f"Run {busy.id} is {busy.state}; one run is at work at a time. Wait for its end, or stop it with: "
            f"python -m finsent stop {busy.id}"
        )


def resume(run: Run, command: Command = None) -> Run:
    """Let a run that was stopped, failed or lost go on from its last checkpoint, now or in its turn.

    Raises:
        RunStateError: the run is at work or done.
        RunActiveError: a worker is at work in its folder all the same.
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: its data or model are not there any more.
        RunChangedError: its data have changed; those of the hub are looked at by the worker.
        RemovedSettingError: an older version launched it with a setting that finsent no longer has.
    """
    run = read_run(run.folder)
    check_can_go_on(run)
    if settle(run.recipe).source != "hub":
        prepare_again(run)
    runs_dir = run.folder.parent
    with launch_lock(runs_dir):
        run = read_run(run.folder)
        if not run.resumable:
            where = on_other_host(run)
            raise RunStateError(
                f"Run {run.id} is {run.state}{where}; only a run that ended before it was done can go on."
            )
        if worker_holds(run.folder) or _torchrun_stays(run):
            raise RunActiveError(
                f"Run {run.id} is called {run.state}, but a worker is at work in its folder. Wait for its end, or end "
                "its process by hand."
            )
        (run.folder / "stop").unlink(missing_ok=True)
        anew = NOBODY | {"progress": None, "ended": None, "error": None, "warning": None}
        update_run(run.folder, state=RunState.QUEUED, worked=run.seconds or 0.0, resumed=datetime.now(UTC), **anew)
    start_next(runs_dir, command)
    return read_run(run.folder)


def _torchrun_stays(run: Run) -> bool:
    """Whether torchrun, which outlives a run's processes a little and holds the port where hosts meet, does not end."""
    if run.recipe.processes == 1 or run.pid is None or not is_here(run):
        return False
    return not ends(run.pid, run.pid_created, run.pid_ticks)


def start_next(runs_dir: Path, command: Command = None) -> Run | None:
    """Start the run that has waited longest, if no run is at work; return it, or None when none was started.

    Whoever looks at the queue may call this, as often as it likes. A run whose worker cannot be started fails, with
    the reason, and the next one has its turn.
    """
    # A disk that takes no word takes no run either: they wait until it does.
    with contextlib.suppress(DiskFullError):
        finish_deletions(runs_dir)
        if not waiting_runs(runs_dir):
            return None
        with launch_lock(runs_dir):
            if active_run(runs_dir) is not None:
                return None
            for run in waiting_runs(runs_dir):
                try:
                    return _start(run, command)
                except WorkerStartError as error:
                    update_run(run.folder, state=RunState.FAILED, error=str(error), ended=datetime.now(UTC))
    return None


def _start(run: Run, command: Command) -> Run:
    return start_worker(run, command, at_end=lambda: start_next(run.folder.parent, command))


def stop(run: Run) -> None:
    """Ask a run to stop; its worker saves what it has and ends within a step or a batch. A waiting run ends at once.

    Raises:
        RunStateError: the run is not at work.
    """
    with launch_lock(run.folder.parent):
        run = read_run(run.folder)
        if run.waiting:
            words = "Taken out of the queue before it began."
            update_run(run.folder, state=RunState.STOPPED, error=words, ended=datetime.now(UTC))
        else:
            request_stop(run)


def end_now(run: Run) -> Run:
    """Kill a run's processes, for one that does not heed a request to stop. It can go on from its last checkpoint.

    Raises:
        RunStateError: the run is not at work, its process is not known for certain, or does not end; see
            :func:`finsent.runs.processes.kill`.
    """
    with launch_lock(run.folder.parent):
        run = read_run(run.folder)
        if not run.active or run.waiting:
            raise RunStateError(f"Run {run.id} is {run.state}; there is no process to end.")
        if not is_here(run):
            raise RunStateError(
                f"Run {run.id} is at work on {run.host}, whose processes cannot be ended from here. Ask the run to "
                "stop, or end it there."
            )
        kill(run.pid, run.pid_created, run.pid_ticks)
        words = f"Ended at once on request, at step {run.steps}. It can go on from its last checkpoint."
        return update_run(run.folder, state=RunState.STOPPED, error=words, ended=datetime.now(UTC))


def follow(run: Run, interval: float = 0.5) -> Iterator[Run]:
    """Yield the run as it is now and again whenever it changed, until it has ended.

    ``interval`` is in seconds. The last run yielded is in a state that is not active (``lost`` included). A waiting
    run is started when its turn comes.
    """
    seen: Run | None = None
    while True:
        run = read_run(run.folder)
        if run.waiting:
            start_next(run.folder.parent)
        if run != seen:
            yield run
            seen = run
        if not run.active:
            return
        time.sleep(interval)
