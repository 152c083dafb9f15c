"""Start, queue, watch, stop and resume the worker processes behind runs; one is at work at a time.

The worker leads a session of its own and writes everything it knows into the run folder, so it outlives the app,
the browser and the terminal that started it; whoever comes later finds it again by reading that folder.
"""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from finsent.errors import (
    DiskFullError,
    FinsentError,
    HubUnreachableError,
    RunActiveError,
    RunError,
    RunStateError,
    SourceNotFoundError,
    WorkerStartError,
)
from finsent.models import MODELS, QWEN3, resolve_model
from finsent.parallel import environment_without_group, module_command
from finsent.recipes import Recipe
from finsent.rows import draw_rows, rows_of_run
from finsent.runs import (
    Run,
    RunState,
    active_run,
    create_run,
    delete_run,
    log_tail,
    read_run,
    request_stop,
    update_run,
    waiting_runs,
)
from finsent.world import hub_answers

__all__ = [
    "check_in_reach",
    "end_now",
    "follow",
    "launch",
    "log_tail",
    "resume",
    "start_next",
    "stop",
    "submit",
    "validate_launch",
]

#: What is started instead of the worker, with the run folder as its last argument; None is the worker.
Command = Sequence[str] | None

#: Data sources that are names and not paths.
_NAMED_SOURCES = ("embedded", "hub")
_REPOSITORY = Path(__file__).parent.parent


def launch(recipe: Recipe, runs_dir: Path, name: str = "", command: Command = None) -> Run:
    """Create a run and start its worker in the background, if no other run is at work.

    ``command`` is started instead of the worker. Relative paths in the recipe are those of the caller, and
    are made absolute, since the worker has another working folder.

    Raises:
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: the recipe asks for what is not there.
        RunActiveError: another run is at work.
        DiskFullError: the run folder cannot be written.
        WorkerStartError: the system refuses to start the process. In all cases nothing is left behind.
    """
    recipe = validate_launch(recipe)
    start_next(runs_dir, command)
    with _launch_lock(runs_dir):
        busy = active_run(runs_dir)
        if busy is not None:
            raise RunActiveError(
                f"Run {busy.id} is {busy.state}; one run is at work at a time. Wait for its end, or stop it with: "
                f"python -m finsent stop {busy.id}"
            )
        run = create_run(recipe, runs_dir, name)
        try:
            return _start_worker(run, command)
        except WorkerStartError:
            update_run(run.folder, state=RunState.FAILED)
            delete_run(runs_dir, run.id)
            raise


def submit(
    recipe: Recipe,
    runs_dir: Path,
    name: str = "",
    estimated_seconds: float | None = None,
    command: Command = None,
) -> Run:
    """Create a run that starts now or, while another one is at work, in its turn.

    ``estimated_seconds`` is kept on the run, so that the estimate can be held against the truth.

    Raises:
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: the recipe asks for what is not there.
        DiskFullError: the run folder cannot be written. In all cases nothing is left behind.
    """
    recipe = validate_launch(recipe)
    with _launch_lock(runs_dir):
        run = create_run(recipe, runs_dir, name)
        update_run(run.folder, estimated_seconds=estimated_seconds)
    start_next(runs_dir, command)
    return read_run(run.folder)


def resume(run: Run, command: Command = None) -> Run:
    """Let a run that was stopped, failed or lost go on from its last checkpoint, now or in its turn.

    Raises:
        RunStateError: the run is at work or done.
        SourceNotFoundError, ModelNotFoundError, HubUnreachableError: its data or model are not there any more.
        RunChangedError: its data have changed; those of the hub are looked at by the worker.
    """
    run = read_run(run.folder)
    if _resolved(run.recipe).source != "hub":
        rows_of_run(run)
    runs_dir = run.folder.parent
    with _launch_lock(runs_dir):
        run = read_run(run.folder)
        if not run.resumable:
            raise RunStateError(f"Run {run.id} is {run.state}; only a run that ended before it was done can go on.")
        (run.folder / "stop").unlink(missing_ok=True)
        anew = {"pid": None, "pid_created": None, "progress": None, "ended": None, "error": None}
        update_run(run.folder, state=RunState.QUEUED, worked=run.seconds or 0.0, resumed=datetime.now(UTC), **anew)
    start_next(runs_dir, command)
    return read_run(run.folder)


def start_next(runs_dir: Path, command: Command = None) -> Run | None:
    """Start the run that has waited longest, if no run is at work; return it, or None when none was started.

    Whoever looks at the queue may call this, as often as it likes. A run whose worker cannot be started fails, with
    the reason, and the next one has its turn.
    """
    if not waiting_runs(runs_dir):
        return None
    with _launch_lock(runs_dir):
        if active_run(runs_dir) is not None:
            return None
        for run in waiting_runs(runs_dir):
            try:
                return _start_worker(run, command)
            except WorkerStartError as error:
                update_run(run.folder, state=RunState.FAILED, error=str(error), ended=datetime.now(UTC))
    return None


def validate_launch(recipe: Recipe) -> Recipe:
    """Return the recipe with absolute paths, after a look at whether its data and its model are there.

    The embedded model is converted here when it was never used on this machine (about 20 s).

    Raises:
        SourceNotFoundError: the data's path does not exist.
        ModelNotFoundError: there is no such model, or its folder is incomplete.
        HubUnreachableError: the data or the model is the hub's, and the hub does not answer.
        DataError: a local data set cannot be used; one of the hub is checked by the worker, once it is fetched.
    """
    recipe = _resolved(recipe)
    if recipe.source != "hub":
        draw_rows(recipe)
    return recipe


def _resolved(recipe: Recipe) -> Recipe:
    """Do what :func:`validate_launch` does, but for reading the data."""
    check_in_reach(recipe)
    source = recipe.source if recipe.source in _NAMED_SOURCES else str(Path(recipe.source).expanduser().resolve())
    return recipe.model_copy(update={"source": source, "model": resolve_model(recipe.model).name})


def check_in_reach(recipe: Recipe) -> None:
    """Raise as :func:`validate_launch` does, without preparing anything; takes a moment at most."""
    if recipe.source not in _NAMED_SOURCES and not Path(recipe.source).expanduser().exists():
        raise SourceNotFoundError(
            f"There is no data at {recipe.source}. Give embedded, hub, or the path of a file or folder."
        )
    if recipe.model not in MODELS:
        resolve_model(recipe.model)
    if (recipe.source == "hub" or recipe.model == QWEN3) and not hub_answers():
        what = "data are" if recipe.source == "hub" else "base model is"
        raise HubUnreachableError(
            f"The {what} on the model hub, which does not answer. Check the network, or choose “embedded” or a local "
            "path."
        )


def stop(run: Run) -> None:
    """Ask a run to stop; its worker saves what it has and ends within a step or a batch. A waiting run ends at once.

    Raises:
        RunStateError: the run is not at work.
    """
    with _launch_lock(run.folder.parent):
        run = read_run(run.folder)
        if run.waiting:
            words = "Taken out of the queue before it began."
            update_run(run.folder, state=RunState.STOPPED, error=words, ended=datetime.now(UTC))
        else:
            request_stop(run)


def end_now(run: Run) -> Run:
    """Kill a run's processes, for one that does not heed a request to stop. It can go on from its last checkpoint.

    Raises:
        RunStateError: the run is not at work.
    """
    with _launch_lock(run.folder.parent):
        run = read_run(run.folder)
        if not run.active or run.pid is None:
            raise RunStateError(f"Run {run.id} is {run.state}; there is no process to end.")
        # Its processes first: those of torchrun have sessions of their own, which a signal to its group does not reach.
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(run.pid)
            for one in [*process.children(recursive=True), process]:
                one.kill()
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


def worker_command(recipe: Recipe) -> Sequence[str]:
    """Return what is started for a run of this recipe, with the run folder as its last argument."""
    return module_command("finsent.worker", recipe.processes)


def _start_worker(run: Run, command: Command) -> Run:
    (run.folder / "stop").unlink(missing_ok=True)
    try:
        with run.log_file.open("ab") as log:
            process = subprocess.Popen(
                [*(command or worker_command(run.recipe)), str(run.folder.resolve())],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_REPOSITORY,
                env=environment_without_group(),
            )
    except OSError as error:
        raise WorkerStartError(
            f"The worker process of run {run.id} cannot be started ({error.strerror}). Free some memory, or check "
            "that Python and the run folder can be used."
        ) from error
    run = update_run(run.folder, pid=process.pid, pid_created=psutil.Process(process.pid).create_time())
    threading.Thread(target=_see_off, args=(process, run, command), name=f"run-{run.id}", daemon=True).start()
    return run


def _see_off(process: subprocess.Popen[bytes], run: Run, command: Command) -> None:
    """Wait for a worker to end, write down what killed it if anything did, and give the next run its turn.

    Without a parent that waits, an ended worker would stay a zombie for as long as the app runs.
    """
    code = process.wait()
    # The run may have been deleted meanwhile, or the disk be full; there is nobody left to tell.
    with contextlib.suppress(OSError, FinsentError):
        if code < 0:
            with run.log_file.open("a", encoding="utf-8") as log:
                log.write(f"The worker process was ended by {signal.Signals(-code).name}.\n")
        start_next(run.folder.parent, command)


@contextlib.contextmanager
def _launch_lock(runs_dir: Path) -> Iterator[None]:
    """Hold the lock under which runs are created, started and taken out of the queue."""
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(runs_dir / ".launch.lock", timeout=30)
        lock.acquire()
    except Timeout as error:
        raise RunError(f"{runs_dir} has been locked by another process for 30 s. Try again in a moment.") from error
    except OSError as error:
        raise DiskFullError(
            f"The run folder {runs_dir} cannot be written ({error.strerror}). Choose another folder with --runs-dir "
            "or FINSENT_RUNS."
        ) from error
    try:
        yield
    finally:
        lock.release()
