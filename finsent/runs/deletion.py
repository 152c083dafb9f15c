"""Delete runs: only the folder that was named, all of it or nothing, and the baselines that no other run uses."""

import contextlib
import shutil
from pathlib import Path

from finsent.errors import DiskFullError, RunError, RunNotFoundError, RunStateError
from finsent.runs.baselines import drop_unused
from finsent.runs.locks import launch_lock, worker_holds
from finsent.runs.signs import on_other_host
from finsent.runs.store import read_run, run_folders

_GRAVE = ".deleted-"


def delete_run(runs_dir: Path, name: str) -> None:
    """Delete the run folder of that name, a damaged one, too, and the shared baselines that no run uses any more.

    Of a folder that is a link, the link goes, and what it leads to stays.

    Raises:
        RunNotFoundError: there is no such run folder.
        RunStateError: the run is at work; stop it first.
        RunError: another process has locked the folder of runs for 30 s.
        DiskFullError: the folder cannot be changed.
    """
    with launch_lock(runs_dir):
        folder = next((folder for folder in run_folders(runs_dir) if folder.name == name), None)
        if folder is None:
            raise RunNotFoundError(f"There is no run “{name}” in {runs_dir}. List them with: python -m finsent runs")
        _check_at_rest(folder)
        discard(folder)
        drop_unused(runs_dir)


def discard(folder: Path) -> None:
    """Remove a run folder, whatever its state; the launch lock must be held."""
    if folder.is_symlink():
        folder.unlink()
        return
    # Renaming first makes the run vanish from every list at once, even if deleting its files is interrupted.
    folder.rename(folder.with_name(f"{_GRAVE}{folder.name}"))
    _bury(folder.parent)


def finish_deletions(runs_dir: Path) -> None:
    """Remove what deletions that were interrupted have left, where that can be done now."""
    if any(runs_dir.glob(f"{_GRAVE}*")):
        with contextlib.suppress(DiskFullError), launch_lock(runs_dir):
            _bury(runs_dir)


def _bury(runs_dir: Path) -> None:
    for grave in runs_dir.glob(f"{_GRAVE}*"):
        if grave.is_symlink():
            grave.unlink()
        else:
            # What cannot be removed now is tried again with the next deletion and at the next start.
            shutil.rmtree(grave, ignore_errors=True)


def _check_at_rest(folder: Path) -> None:
    # Whatever the record says, a damaged one, too.
    if worker_holds(folder):
        raise RunStateError(f"A worker is at work in {folder}; stop the run before deleting it.")
    try:
        run = read_run(folder)
    except RunError:
        return
    if run.active:
        raise RunStateError(f"Run {run.id} is {run.state}{on_other_host(run)}; stop it before deleting it.")
