"""A run's checkpoints: which of them are whole, so that a run killed while it wrote one goes on from the one before."""

import zipfile
from pathlib import Path

from pydantic import BaseModel, Field

from finsent.errors import reason
from finsent.files import read_json

_NEEDED = ("adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json")


class _TrainerState(BaseModel):
    """What of the trainer's state a run goes on from."""

    global_step: int = Field(ge=0)


def last_whole_checkpoint(checkpoints_dir: Path) -> tuple[Path | None, list[str]]:
    """Return the newest whole checkpoint of a run, or None, and what is wrong with each newer one, in words."""
    problems: list[str] = []
    for folder in _newest_first(checkpoints_dir):
        problem = what_is_wrong(folder)
        if problem is None:
            return folder, problems
        problems.append(f"{folder.name} is not used: {problem}")
    return None, problems


def what_is_wrong(checkpoint: Path) -> str | None:
    """Return in words why a checkpoint cannot be resumed from, or None when it is whole.

    The files' own checksums and lengths are checked; nothing is unpickled.
    """
    missing = [name for name in _NEEDED if not (checkpoint / name).is_file()]
    if not list(checkpoint.glob("rng_state*.pth")):
        missing.append("rng_state.pth")
    if missing:
        return f"{', '.join(missing)} is missing"
    try:
        _TrainerState.model_validate(read_json(checkpoint / "trainer_state.json"))
        _check_safetensors(checkpoint / "adapter_model.safetensors")
    except (OSError, ValueError) as error:
        return f"it cannot be read ({reason(error)})"
    # torch saves zip files, whose entries carry checksums.
    for file in sorted([*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]):
        try:
            with zipfile.ZipFile(file) as archive:
                # torch stores its entries as they are; what is packed could unpack to any size.
                packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
                damaged = file.name if packed else archive.testzip()
        except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile):
            damaged = file.name
        if damaged:
            return f"{file.name} is damaged"
    return None


def _check_safetensors(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as tensors:
            tensors.keys()
    except SafetensorError as error:
        raise ValueError(f"{file.name}: {error}") from error


def _newest_first(checkpoints_dir: Path) -> list[Path]:
    folders = [path for path in checkpoints_dir.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
