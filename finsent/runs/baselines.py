"""Baselines that runs of the same rows share: ``runs/.baseline/<key>.parquet``, gone with the last run that uses them.

A run keeps a copy of its own in its folder; the shared one only saves the next run the time.
"""

import os
from pathlib import Path

import pandas as pd

from finsent.errors import DamagedFileError
from finsent.files import read_json
from finsent.inference.predictions import load_predictions
from finsent.runs.store import run_folders


def shared_file(runs_dir: Path, key: str) -> Path:
    """Return where the baseline of a key (see :func:`finsent.inference.predictions.baseline_key`) is shared."""
    return runs_dir / ".baseline" / f"{key}.parquet"


def read_shared(file: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return a shared baseline of these rows, or None with what is wrong with it; ("" where there is none at all)."""
    if not os.path.lexists(file):
        return None, ""
    try:
        table = load_predictions(file)
    except DamagedFileError as error:
        return None, error.why
    if table["row_id"].astype(str).tolist() != rows["row_id"].astype(str).tolist():
        return None, "it is of other rows"
    return table, ""


def drop_unused(runs_dir: Path) -> None:
    """Remove the shared baselines that no run of the folder uses, since they hold the texts of deleted runs.

    Runs of versions that did not write down which one they use count as users of none.
    """
    used = {_key(folder) for folder in run_folders(runs_dir)}
    for file in (runs_dir / ".baseline").glob("*"):
        if file.stem not in used:
            file.unlink(missing_ok=True)


def _key(folder: Path) -> str:
    """Return the key in a run's record, be the record otherwise usable or not; "" where it has none."""
    try:
        return str(read_json(folder / "run.json").get("baseline_key", ""))
    except (OSError, ValueError, AttributeError):
        return ""
