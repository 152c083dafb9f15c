"""What a run begins with besides its recipe: another run's adapter, corrections of labels, a repair set.

The files themselves lie in the run's folder, ``origin/``, so that the run goes on and can be looked at as it began
whatever becomes of its parent and of the corrections since.
"""

import hashlib
import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from finsent.data.corrections import Correction, apply_corrections, read_corrections
from finsent.data.prepared import Prepared
from finsent.data.schema import VALIDATED, fault
from finsent.errors import DamagedFileError, RunError
from finsent.runs.origin import Origin

CORRECTIONS_FILE, TRAINING_FILE, ADAPTER_DIR = "corrections.csv", "training.parquet", "adapter"
_REMEDY = "Launch a new run from the same parent."


@dataclass(frozen=True)
class Beginning:
    """An origin with its files, by their path in ``origin/``, for a run that is about to be made."""

    origin: Origin
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, run_folder: Path) -> None:
        """Write the files into a run's folder.

        Raises:
            OSError: there is no room.
        """
        for name, content in self.files.items():
            path = origin_dir(run_folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def prepared(self, data: Prepared) -> Prepared:
        """Return a recipe's data as a run with this beginning uses them."""
        return _with_files(data, self.files, "the new run")


def origin_dir(run_folder: Path) -> Path:
    """Return where a run keeps what it began with."""
    return run_folder / "origin"


def with_origin(data: Prepared, origin: Origin | None, run_folder: Path) -> Prepared:
    """Return a recipe's data as a run uses them: with its corrections, and trained on its repair set.

    Raises:
        DamagedFileError: a file that it began with is gone, or is not what it was.
    """
    if origin is None:
        return data
    hashes = {}
    if origin.corrections:
        hashes[CORRECTIONS_FILE] = origin.corrections.sha256
    if origin.repair:
        hashes[TRAINING_FILE] = origin.repair.sha256
    files = {name: _checked(origin_dir(run_folder) / name, sha256) for name, sha256 in hashes.items()}
    return _with_files(data, files, str(origin_dir(run_folder)))


def start_adapter(origin: Origin | None, run_folder: Path) -> Path | None:
    """Return the folder of the adapter that a run starts from, None where it starts from the base model alone.

    Raises:
        DamagedFileError: it is gone, or not what it was.
    """
    if origin is None or not origin.parent:
        return None
    folder = origin_dir(run_folder) / ADAPTER_DIR
    _checked(folder / "adapter_model.safetensors", origin.adapter_sha256)
    return folder


def content_hash(content: bytes) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _with_files(data: Prepared, files: dict[str, bytes], where: str) -> Prepared:
    corrections: dict[str, Correction] = {}
    if CORRECTIONS_FILE in files:
        corrections = read_corrections(
            files[CORRECTIONS_FILE], f"{where}/{CORRECTIONS_FILE}", data.rows, data.source_hash
        )
    train, validation = (apply_corrections(rows, corrections) for rows in (data.train, data.validation))
    if TRAINING_FILE in files:
        train = pd.read_parquet(io.BytesIO(files[TRAINING_FILE]))
        if why := fault(VALIDATED, train):
            raise DamagedFileError(f"{where}/{TRAINING_FILE}", why, _REMEDY)
        # What is trained on can no longer choose the checkpoint.
        validation = validation[~validation["row_id"].isin(train["row_id"])].reset_index(drop=True)
    if train.empty or validation.empty:
        raise RunError(
            f"No {'training' if train.empty else 'validation'} row is left. Take some corrections back, or leave "
            "validation rows out of the repair set."
        )
    return replace(data, train=train, validation=validation)


def _checked(path: Path, sha256: str) -> bytes:
    """Return what a file holds, which must be what the run began with."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(path, f"it cannot be read ({error.strerror})", _REMEDY) from error
    if content_hash(content) != sha256:
        raise DamagedFileError(path, "it is not what the run began with", _REMEDY)
    return content
