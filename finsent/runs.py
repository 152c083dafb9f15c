"""Run folders: create, read, list, change and delete.

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
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from pydantic import ValidationError

from finsent.errors import DiskFullError, RunError, RunNotFoundError, RunStateError
from finsent.recipes import Recipe
from finsent.record import ACTIVE_STATES, Progress, Run, RunState, may_follow

__all__ = [
    "ACTIVE_STATES",
    "Progress",
    "Run",
    "RunState",
    "active_run",
    "create_run",
    "default_runs_dir",
    "delete_run",
    "list_runs",
    "load_run",
    "log_tail",
    "read_run",
    "request_stop",
    "stop_requested",
    "update_run",
    "waiting_runs",
    "write_atomically",
]

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_MIN_FREE_BYTES = 200 * 2**20
_LOG_WINDOW_BYTES = 256 * 2**10


def default_runs_dir() -> Path:
    """Return the folder of runs: ``$FINSENT_RUNS``, else ``runs`` beside the package."""
    return Path(os.environ.get("FINSENT_RUNS") or Path(__file__).parent.parent / "runs")


def create_run(recipe: Recipe, runs_dir: Path, name: str = "") -> Run:
    """Create a run folder in state ``queued``.

    Raises:
        DiskFullError: there is too little room for a run, or the folder cannot be written.
    """
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(runs_dir).free
        if free < _MIN_FREE_BYTES:
            raise DiskFullError(
                f"{runs_dir} has {free / 2**20:.0f} MiB free and a run needs {_MIN_FREE_BYTES / 2**20:.0f} MiB. "
                "Free some room, or choose another folder with --runs-dir or FINSENT_RUNS."
            )
        now = datetime.now(UTC)
        run = Run(
            id=run_id,
            name=name,
            recipe=recipe,
            created=now,
            entered={RunState.QUEUED: now},
            folder=runs_dir / run_id,
        )
        with tempfile.TemporaryDirectory(dir=runs_dir, prefix=".new-") as scratch:
            half = Path(scratch) / run_id
            half.mkdir()
            (half / "run.json").write_text(run.model_dump_json(indent=2), encoding="utf-8")
            half.rename(run.folder)
    except OSError as error:
        raise DiskFullError(
            f"The run folder {runs_dir} cannot be written ({error.strerror}). Free some room, or choose another "
            "folder with --runs-dir or FINSENT_RUNS."
        ) from error
    return run


def load_run(runs_dir: Path, run_id: str) -> Run:
    """Return a run; an active one whose process is gone comes back as ``lost``.

    Raises:
        RunNotFoundError: no run has that id.
        RunError: its ``run.json`` cannot be read, or was written by a newer version.
    """
    folder = runs_dir / run_id
    if not _RUN_ID.fullmatch(run_id) or not (folder / "run.json").is_file():
        raise RunNotFoundError(f"There is no run “{run_id}” in {runs_dir}. List them with: python -m finsent runs")
    return read_run(folder)


def read_run(folder: Path) -> Run:
    """Return the run in a folder, as :func:`load_run` does."""
    try:
        run = Run.model_validate_json((folder / "run.json").read_text(encoding="utf-8"))
    except (ValidationError, ValueError, OSError) as error:
        raise RunError(
            f"{folder / 'run.json'} cannot be read: damaged, or written by a newer version of finsent. "
            "Update finsent, or delete the folder."
        ) from error
    run.folder = folder
    if run.active and run.pid is not None and not _process_alive(run.pid, run.pid_created):
        run.state = RunState.LOST
        run.error = run.error or _last_words(run)
        run.ended = run.ended or _last_sign(run)
    return run


def list_runs(runs_dir: Path) -> list[Run]:
    """Return the readable runs of a folder, newest first. A folder that is no run is passed over."""
    if not runs_dir.is_dir():
        return []
    runs = []
    for folder in sorted(runs_dir.iterdir(), reverse=True):
        if _RUN_ID.fullmatch(folder.name) and (folder / "run.json").is_file():
            try:
                runs.append(read_run(folder))
            except RunError:
                continue
    return runs


def active_run(runs_dir: Path) -> Run | None:
    """Return the run that is at work, or None."""
    return next((run for run in list_runs(runs_dir) if run.active and not run.waiting), None)


def waiting_runs(runs_dir: Path) -> list[Run]:
    """Return the runs that wait for their turn, the next one first."""
    return sorted((run for run in list_runs(runs_dir) if run.waiting), key=lambda run: (run.queued_at, run.id))


def update_run(folder: Path, **changes: Any) -> Run:
    """Change fields of ``run.json`` under its lock, atomically, and return the run.

    Raises:
        RunStateError: the new state is not one that may follow the present one.
        DiskFullError: the disk has no room for the new file; the old one stays.
    """
    with _lock(folder):
        run = Run.model_validate_json((folder / "run.json").read_text(encoding="utf-8"))
        was = run.state
        run = Run.model_validate(run.model_dump() | changes)
        if run.state != was:
            if not may_follow(was, run.state):
                raise RunStateError(f"Run {run.id} is {was} and cannot become {run.state}. Start a new run instead.")
            run.entered[run.state] = datetime.now(UTC)
        write_atomically(folder / "run.json", run.model_dump_json(indent=2))
    run.folder = folder
    return run


def delete_run(runs_dir: Path, run_id: str) -> None:
    """Delete a run folder.

    Raises:
        RunStateError: the run is at work; stop it first.
    """
    run = load_run(runs_dir, run_id)
    if run.active:
        raise RunStateError(f"Run {run_id} is {run.state}; stop it before deleting it.")
    # Renaming first makes the run vanish from every list at once, even if deleting its files is interrupted.
    grave = runs_dir / f".deleted-{run_id}"
    run.folder.rename(grave)
    shutil.rmtree(grave)


def request_stop(run: Run) -> None:
    """Ask a run to stop: its worker looks for this file between steps and between batches.

    Raises:
        RunStateError: the run is not at work.
    """
    if not run.active:
        raise RunStateError(f"Run {run.id} is {run.state}; only a run at work can be stopped.")
    (run.folder / "stop").touch()


def log_tail(run: Run, lines: int = 20) -> str:
    """Return the last lines of a run's log, or "" when there is none. Of a redrawn line its last state counts."""
    try:
        with run.log_file.open("rb") as log:
            log.seek(max(0, run.log_file.stat().st_size - _LOG_WINDOW_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    # Progress bars redraw a line with a carriage return.
    written = (line.rstrip().rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join([line for line in written if line.strip()][-lines:])


def stop_requested(folder: Path) -> bool:
    """Whether somebody asked the run to stop."""
    return (folder / "stop").exists()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file by renaming a finished one over it.

    Raises:
        DiskFullError: there is no room; the old file stays and nothing half-written is left.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise DiskFullError(f"{path} cannot be written ({error.strerror}). Free some room and try again.") from error


def _last_sign(run: Run) -> datetime:
    """Return when a vanished worker last wrote into its log or its record."""
    files = [file for file in (run.log_file, run.folder / "run.json") if file.exists()]
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in files), UTC)


def _last_words(run: Run) -> str:
    words = log_tail(run, lines=3)
    if not words:
        return "Its process ended without a word, and its log is empty. The system may have killed it."
    return f"Its process ended without a word. The last lines of its log:\n{words}"


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / ".run.lock", timeout=30)


def _process_alive(pid: int, created: float | None) -> bool:
    try:
        process = psutil.Process(pid)
        # A pid is reused sooner or later; pid and start time together are not.
        same = created is None or abs(process.create_time() - created) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
