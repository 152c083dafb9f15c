"""Whether the folder of runs can take another run: it can be written, and the disk has room."""

import os
import shutil
from pathlib import Path

from finsent.errors import DiskFullError

_MIN_FREE_BYTES = 200 * 2**20


def check_room(runs_dir: Path) -> None:
    """Raise unless a run could be created in a folder of runs, which need not exist yet.

    Raises:
        DiskFullError: the folder cannot be written, or there is too little room for a run.
    """
    there = next(folder for folder in (runs_dir, *runs_dir.absolute().parents) if folder.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        raise unwritable(runs_dir, error.strerror or "") from error
    if not os.access(there, os.W_OK):
        raise unwritable(runs_dir, "read-only, or not allowed")
    if free < _MIN_FREE_BYTES:
        raise DiskFullError(
            f"{runs_dir} has {free / 2**20:.0f} MiB free and a run needs {_MIN_FREE_BYTES / 2**20:.0f} MiB. "
            "Free some room, or choose another folder with --runs-dir or FINSENT_RUNS."
        )


def unwritable(runs_dir: Path, why: str) -> DiskFullError:
    """Return the error that says that a folder of runs cannot be written."""
    return DiskFullError(
        f"The run folder {runs_dir} cannot be written ({why}). Free some room, or choose another folder with "
        "--runs-dir or FINSENT_RUNS."
    )
