"""The run that a person means by an id, the beginning of one, a name, a folder, or ``latest``."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from finsent.errors import RunError, RunNotFoundError
from finsent.runs.names import said
from finsent.runs.reading import what_is_left
from finsent.runs.store import DamagedRun, Run, list_runs, read_run, run_folders

#: The word for the newest run.
LATEST = "latest"
#: What the command line says about its argument RUN.
RUN_HELP = "an id, the beginning of one, a name, a folder, or latest"
_SHOWN = 6


def find_run(runs_dir: Path, words: str) -> Run:
    """Return the run of a folder of runs that is meant by an id, its beginning, a name, a folder, or ``latest``.

    The first of these that fits counts: a whole id, ``latest``, a whole name, the beginning of an id, the path of a
    run folder in ``runs_dir``. What is asked for only ever picks from the folders that are there; it never becomes
    part of a path.

    Raises:
        RunNotFoundError: none or several runs are meant; the message names them.
        RunError: the run's record cannot be read.
    """
    return read_run(find_folder(runs_dir, words))


def find_any(runs_dir: Path, words: str) -> Run | DamagedRun:
    """Return the run that is meant, as :func:`find_run` finds it, or, where its record cannot be used, what is left.

    Raises:
        RunNotFoundError: none or several runs are meant; the message names them.
    """
    folder = find_folder(runs_dir, words)
    try:
        return read_run(folder)
    except RunError as error:
        return what_is_left(folder, error)


def find_folder(runs_dir: Path, words: str, paths: bool = True) -> Path:
    """Return the folder of the run that is meant, as :func:`find_run` finds it, be its record readable or not.

    Without ``paths`` a path means none, and nothing is looked for where it leads.

    Raises:
        RunNotFoundError: none or several runs are meant; the message names them.
    """
    folders = {folder.name: folder for folder in run_folders(runs_dir)}
    words = words.strip()
    if words in folders:
        return folders[words]
    runs = list_runs(runs_dir)
    if words == LATEST and runs:
        return max(runs, key=lambda run: run.created).folder
    named = [run.folder for run in runs if said(words) in (said(run.title), said(run.spoken))]
    begun = [folder for name, folder in folders.items() if words and name.startswith(words)]
    found = named or begun or (_by_path(runs_dir, words, folders) if paths else [])
    if len(found) == 1:
        return found[0]
    titles = {run.folder: f"{run.id} ({run.title}, {run.state})" for run in runs}
    if found:
        raise RunNotFoundError(
            f"“{words}” could be any of {len(found)} runs in {runs_dir}: {_listed(found, titles)}. Give a whole id."
        )
    there = _listed(folders.values(), titles) if folders else "none"
    raise RunNotFoundError(
        f"There is no run “{words}” in {runs_dir}. Runs there: {there}. Give {RUN_HELP}; list them with: "
        "python -m finsent runs"
    )


def _by_path(runs_dir: Path, words: str, folders: dict[str, Path]) -> list[Path]:
    """Return the run folder that a path leads to, if it is one of these."""
    if not re.search(r"[/\\~]", words):
        return []
    try:
        path = Path(os.path.normpath(Path.cwd() / Path(words).expanduser()))
        inside = path.parent.resolve() == runs_dir.resolve()
        elsewhere = not inside and (path / "run.json").is_file()
    except (OSError, RuntimeError, ValueError):
        # A path that no system can have: too long, with a NUL, of nobody's home.
        return []
    if elsewhere:
        raise RunNotFoundError(
            f"{path} is not in the folder of runs {runs_dir}. Choose its own with --runs-dir {path.parent}, or with "
            "FINSENT_RUNS."
        )
    return [folders[path.name]] if inside and path.name in folders else []


def _listed(folders: Iterable[Path], titles: dict[Path, str]) -> str:
    names = [titles.get(folder, f"{folder.name} (damaged)") for folder in folders]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
