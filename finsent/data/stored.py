"""Files that visitors bring: each kept once by its content, beside the runs, with what was decided about it.

A stored source is a folder named by the beginning of its SHA-256, with the file under its own name and ``about.json``.
Its path is a source as any other, so that runs, recipes and the command line take it without more.
"""

import hashlib
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from finsent.data.choices import NOTHING_CHOSEN, Choices
from finsent.errors import SourceNotFoundError, UsageError
from finsent.files import PROJECT, read_json, remove, replacing, typed_path, write_atomically

_KEY_LETTERS = 16
_MOST_LETTERS = 100


class _About(BaseModel):
    """What ``about.json`` says of a stored source."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=_MOST_LETTERS)
    name: str = Field(min_length=1, max_length=_MOST_LETTERS)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    added: datetime
    choices: dict[str, Any] = {}


@dataclass(frozen=True)
class StoredSource:
    """A stored file: its path (which is the source that a recipe names), what people call it, its hash, its size.

    ``size`` is in bytes, ``added`` a time of the world clock (UTC).
    """

    path: Path
    title: str
    sha256: str
    size: int
    added: datetime
    choices: Choices

    @property
    def key(self) -> str:
        """The name of its folder, the beginning of its hash."""
        return self.path.parent.name


def stored_folder() -> Path:
    """Return the folder of stored sources: ``.sources`` in the folder of runs."""
    runs = os.environ.get("FINSENT_RUNS") or PROJECT / "runs"
    return typed_path(runs, SourceNotFoundError, "folder of runs", "Set FINSENT_RUNS to another folder.") / ".sources"


def store(content: bytes, name: str, choices: Choices = NOTHING_CHOSEN) -> StoredSource:
    """Keep a file's content and what was decided about it; the same content a second time is the same source.

    Raises:
        DiskFullError: there is no room.
    """
    digest = hashlib.sha256(content).hexdigest()
    folder = stored_folder() / digest[:_KEY_LETTERS]
    known = _read(folder)
    if known is not None:
        return known if choices == NOTHING_CHOSEN else decide(known, choices)
    folder.mkdir(parents=True, exist_ok=True)
    safe = _file_name(name)
    with replacing(folder / safe) as scratch:
        scratch.write_bytes(content)
    about = _About(title=safe, name=safe, sha256=digest, added=datetime.now(UTC), choices=_given(choices))
    write_atomically(folder / "about.json", about.model_dump_json(indent=2))
    found = _read(folder)
    if found is None:
        raise SourceNotFoundError(f"{safe} could not be kept in {folder}. Try again.")
    return found


def stored_sources() -> list[StoredSource]:
    """Return all stored sources, the newest first; folders that hold none are passed over."""
    folder = stored_folder()
    found = [_read(one) for one in folder.iterdir()] if folder.is_dir() else []
    return sorted((one for one in found if one), key=lambda one: one.added, reverse=True)


def find_stored(source: str) -> StoredSource | None:
    """Return the stored source that a source names by its path, or None where it is none."""
    # By its letters alone: what a link names is not looked at before a click.
    path = Path(source).absolute()
    if ".." in path.parts or path.parent.parent != stored_folder().absolute():
        return None
    found = _read(path.parent)
    return found if found is not None and found.path.name == path.name else None


def decide(stored: StoredSource, choices: Choices) -> StoredSource:
    """Keep what was decided about a stored source, in place of what was decided before."""
    return _change(stored, choices=_given(choices))


def rename(stored: StoredSource, title: str) -> StoredSource:
    """Give a stored source another title; its path and what runs know of it stay.

    Raises:
        UsageError: the title is blank or too long.
    """
    title = " ".join(title.split())
    if not title or len(title) > _MOST_LETTERS:
        raise UsageError(f"A name has 1 to {_MOST_LETTERS} letters.")
    return _change(stored, title=title)


def delete(stored: StoredSource) -> None:
    """Remove a stored source; runs that used it keep their results, and cannot be resumed or evaluated anew.

    Raises:
        OSError: it cannot be removed.
    """
    remove(stored.path.parent)


def with_stored_choices(source: str, choices: Choices) -> Choices:
    """Return choices, with those that are kept with a stored source where nothing else was chosen."""
    stored = find_stored(source)
    if stored is None:
        return choices
    given = asdict(choices)
    return Choices(**{name: given[name] or kept for name, kept in asdict(stored.choices).items()})


def _change(stored: StoredSource, **changes: Any) -> StoredSource:
    folder = stored.path.parent
    about = _About.model_validate(read_json(folder / "about.json")).model_copy(update=changes)
    write_atomically(folder / "about.json", about.model_dump_json(indent=2))
    return _read(folder) or stored


def _read(folder: Path) -> StoredSource | None:
    try:
        about = _About.model_validate(read_json(folder / "about.json"))
        path = folder / _file_name(about.name)
        size = path.stat().st_size
        choices = Choices(**about.choices)
    except (OSError, ValueError, TypeError):
        return None
    return StoredSource(path, about.title, about.sha256, size, about.added, choices)


def _given(choices: Choices) -> dict[str, Any]:
    return {name: value for name, value in asdict(choices).items() if value}


def _file_name(name: str) -> str:
    """Return a file's name without a folder and without what names cannot have; ``about.json`` is taken."""
    last = name.replace("\\", "/").rpartition("/")[2]
    safe = "".join(letter if letter.isprintable() and letter not in '<>:"|?*' else "_" for letter in last)
    safe = safe.lstrip(". ")[-_MOST_LETTERS:].encode("utf-8", "replace").decode("utf-8")
    return f"data-{safe}" if not safe or safe == "about.json" else safe
