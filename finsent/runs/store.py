"""Run folders: create, read, list and change.

One folder per run holds everything about it, in formats that other tools read::

    runs/<run id>/
      run.json            recipe, hashes, versions, hardware, state, process, times, error (replaced atomically)
      worker.log          everything the worker process said
      tensorboard/        event files
      checkpoints/        the trainer's own
      adapter/            PEFT, safetensors
      predictions/        baseline.parquet, tuned.parquet; on-<key>/ of other rows that were judged since
      evaluation.json     every figure with its n and interval
      stop                present when somebody asked the run to stop

Changes of ``run.json`` are made under a file lock and by renaming, so that a reader never sees half a file.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.errors import RunActiveError, RunError, RunNotFoundError, RunStateError
from finsent.files import PROJECT, typed_path, write_atomically
from finsent.recipe import Recipe
from finsent.runs.locks import folder_lock
from finsent.runs.names import spoken_words
from finsent.runs.processes import NOBODY
from finsent.runs.reading import log_tail, read_record, read_run, what_is_left
from finsent.runs.record import ACTIVE_STATES, DamagedRun, Progress, Run, RunState, may_follow
from finsent.runs.room import check_room, unwritable
from finsent.runs.signs import lives

__all__ = [
    "ACTIVE_STATES",
    "DamagedRun",
    "Progress",
    "Run",
    "RunState",
    "active_run",
    "all_runs",
    "at_work",
    "create_run",
    "default_runs_dir",
    "list_damaged",
    "list_runs",
    "load_run",
    "log_tail",
    "read_run",
    "request_stop",
    "run_folders",
    "stop_requested",
    "update_run",
    "waiting_before",
    "waiting",
    "waiting_runs",
]

if TYPE_CHECKING:
    from finsent.runs.beginning import Beginning

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


def default_runs_dir() -> Path:
    """Return the folder of runs: ``$FINSENT_RUNS``, else ``runs`` beside the package.

    Raises:
        RunError: the variable holds what can be no path; see :func:`finsent.files.typed_path`.
    """
    return runs_folder(os.environ.get("FINSENT_RUNS") or PROJECT / "runs")


def runs_folder(typed: str | Path) -> Path:
    """Return the folder of runs that somebody typed; it need not exist yet. Raises as :func:`default_runs_dir`."""
    return typed_path(typed, RunError, "folder of runs", "Give another folder with --runs-dir or FINSENT_RUNS.")


def create_run(
    recipe: Recipe,
    runs_dir: Path,
    name: str = "",
    files: Mapping[str, bytes] | None = None,
    beginning: "Beginning | None" = None,
    **facts: Any,
) -> Run:
    """Create a run folder in state ``queued``; ``facts`` are further fields of the run, another state among them.

    ``files`` lie in the folder from its first moment, each at its path inside it; ``beginning`` is what the run starts
    with besides its recipe.

    Raises:
        DiskFullError: there is too little room for a run, or the folder cannot be written.
    """
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        check_room(runs_dir)
        now = datetime.now(UTC)
        run = Run(
            id=run_id,
            name=name,
            number=_number(recipe, runs_dir),
            recipe=recipe,
            origin=beginning.origin if beginning else None,
            created=now,
            entered={facts.get("state", RunState.QUEUED): now},
            folder=runs_dir / run_id,
            **facts,
        )
        with tempfile.TemporaryDirectory(dir=runs_dir, prefix=".new-") as scratch:
            half = Path(scratch) / run_id
            half.mkdir()
            for path, content in (files or {}).items():
                (half / path).parent.mkdir(parents=True, exist_ok=True)
                (half / path).write_bytes(content)
            if beginning:
                beginning.write(half)
            (half / "run.json").write_text(run.model_dump_json(indent=2), encoding="utf-8")
            half.rename(run.folder)
    except OSError as error:
        raise unwritable(runs_dir, error.strerror or "") from error
    return run


def _number(recipe: Recipe, runs_dir: Path) -> int:
    """Return which of the runs with these spoken words the next one is."""
    words = spoken_words(recipe)
    return 1 + max((run.number for run in list_runs(runs_dir) if spoken_words(run.recipe) == words), default=0)


def load_run(runs_dir: Path, run_id: str) -> Run:
    """Return a run; an active one whose process is gone comes back as ``lost``.

    Raises:
        RunNotFoundError: no run has that id.
        RunError: its ``run.json`` cannot be read, or was written by a newer version.
    """
    folder = runs_dir / run_id
    if not _RUN_ID.fullmatch(run_id) or not folder.is_dir():
        raise RunNotFoundError(f"There is no run “{run_id}” in {runs_dir}. List them with: python -m finsent runs")
    return read_run(folder)


def run_folders(runs_dir: Path) -> list[Path]:
    """Return the folders of runs, newest first: those with a record, and those named as a run that have lost theirs.

    A folder that is no run is passed over, and so is every one whose name begins with a point.
    """
    if not runs_dir.is_dir():
        return []
    folders = [folder for folder in runs_dir.iterdir() if not folder.name.startswith(".") and _may_be_run(folder)]
    return sorted(folders, key=lambda folder: folder.name, reverse=True)


def list_runs(runs_dir: Path) -> list[Run]:
    """Return the readable runs of a folder, newest first."""
    return all_runs(runs_dir)[0]


def list_damaged(runs_dir: Path) -> list[DamagedRun]:
    """Return the runs of a folder whose record cannot be used, each with what is wrong, newest first."""
    return all_runs(runs_dir)[1]


def all_runs(runs_dir: Path) -> tuple[list[Run], list[DamagedRun]]:
    """Return what :func:`list_runs` and :func:`list_damaged` do, from one reading."""
    runs: list[Run] = []
    damaged: list[DamagedRun] = []
    for folder in run_folders(runs_dir):
        try:
            runs.append(read_run(folder))
        except RunError as error:
            damaged.append(what_is_left(folder, error))
    # Folders are named by the second; runs of a group are made within one.
    runs.sort(key=lambda run: (run.created, run.id), reverse=True)
    return runs, damaged


def active_run(runs_dir: Path) -> Run | None:
    """Return the run that is at work, or None."""
    return at_work(list_runs(runs_dir))


def at_work(runs: Iterable[Run]) -> Run | None:
    """Return the one of some runs that is at work, or None."""
    return next((run for run in runs if run.active and not run.waiting), None)


def waiting_runs(runs_dir: Path) -> list[Run]:
    """Return the runs that wait for their turn, the next one first."""
    return waiting(list_runs(runs_dir))


def waiting(runs: Iterable[Run]) -> list[Run]:
    """Return those of some runs that wait for their turn, the next one first."""
    return sorted((run for run in runs if run.waiting), key=lambda run: (run.queued_at, run.id))


def waiting_before(run: Run) -> int:
    """Return how many runs of the same folder have their turn before a waiting one."""
    return sum(other.queued_at < run.queued_at for other in waiting_runs(run.folder.parent))


def update_run(folder: Path, **changes: Any) -> Run:
    """Change fields of ``run.json`` under its lock, atomically, and return the run.

    Raises:
        RunStateError: the new state is not one that may follow the present one.
        RunActiveError: another process is named as the worker while the present one lives.
        FolderGoneError: the run was deleted; nothing of it comes back.
        DiskFullError: the disk has no room for the new file; the old one stays.
    """
    if not changes.keys() <= Run.model_fields.keys():
        raise ValueError(f"A run has no field {', '.join(changes.keys() - Run.model_fields.keys())}.")
    with folder_lock(folder, ".run.lock"):
        run = read_record(folder)
        was = run.state
        _check_worker(run, changes)
        run = Run.model_validate(run.model_dump() | changes)
        if run.state != was:
            if not may_follow(was, run.state):
                raise RunStateError(f"Run {run.id} is {was} and cannot become {run.state}. Start a new run instead.")
            run.entered[run.state] = datetime.now(UTC)
        write_atomically(folder / "run.json", run.model_dump_json(indent=2))
    run.folder = folder
    return run


def _check_worker(run: Run, changes: dict[str, Any]) -> None:
    """Refuse a second worker while the first one lives."""
    if changes.get("pid") is None or not run.active:
        return
    # The time of creation says nothing more, and a step of the clock moves it.
    known = [name for name in NOBODY if name in changes and name != "pid_created"]
    if any(changes[name] != getattr(run, name) for name in known) and lives(run):
        where = f" on {run.host}" if run.host else ""
        raise RunActiveError(
            f"Run {run.id} is {run.state} in process {run.pid}{where}; a second worker would spoil it."
        )


def request_stop(run: Run) -> None:
    """Ask a run to stop: its worker looks for this file between steps and between batches.

    Raises:
        RunStateError: the run is not at work.
    """
    if not run.active:
        raise RunStateError(f"Run {run.id} is {run.state}; only a run at work can be stopped.")
    (run.folder / "stop").touch()


def stop_requested(folder: Path) -> bool:
    """Whether somebody asked the run to stop."""
    return (folder / "stop").exists()


def _may_be_run(folder: Path) -> bool:
    if not folder.is_dir():
        # A link to a folder that is away, for example on a disk that is not there now.
        return folder.is_symlink() and bool(_RUN_ID.fullmatch(folder.name))
    return (folder / "run.json").is_file() or bool(_RUN_ID.fullmatch(folder.name))
