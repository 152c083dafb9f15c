"""Tags and notes that a reader gives to texts; they stay with the run, in ``annotations.json``."""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from finsent.errors import AnnotationError, reason
from finsent.files import read_json, write_atomically
from finsent.runs.locks import folder_lock
from finsent.runs.store import Run

TAG_LENGTH = 40
TAGS_EACH = 10
NOTE_LENGTH = 2_000
#: What is offered before a reader has made tags of their own.
SUGGESTED_TAGS = ("good words, no news", "figure without direction", "needs context", "gold label doubtful")

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TAG_LENGTH)]


class Annotation(BaseModel):
    """What a reader says about one text. ``written`` is UTC."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] = Field(default_factory=list, max_length=TAGS_EACH)
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=NOTE_LENGTH)] = ""
    written: AwareDatetime


class _AnnotationFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    rows: dict[str, Annotation] = Field(default_factory=dict)


def annotations_file(run: Run) -> Path:
    """Return where a run's annotations stand, or would."""
    return run.folder / "annotations.json"


def read_annotations(run: Run) -> dict[str, Annotation]:
    """Return a run's annotations by row id.

    Raises:
        AnnotationError: the file is damaged.
    """
    return _read(annotations_file(run)).rows


def noted_elsewhere(run: Run, runs: Iterable[Run], row_id: str) -> list[tuple[Run, Annotation]]:
    """Return which other ones of ``runs``, of the same data, have tags or a note of a text, the newest words first.

    A run whose annotations are damaged is passed over; its own page says so.
    """
    found = []
    for other in runs:
        if other.id != run.id and other.source_hash == run.source_hash != "":
            with contextlib.suppress(AnnotationError):
                if (one := read_annotations(other).get(row_id)) is not None:
                    found.append((other, one))
    return sorted(found, key=lambda pair: pair[1].written, reverse=True)


def annotate(run: Run, row_id: str, tags: list[str], note: str) -> None:
    """Save the tags and the note of one text in place of its former ones; without any of them it has none.

    Raises:
        AnnotationError: a tag is empty or too long, there are too many, or the note is too long.
        FolderGoneError: the run was deleted meanwhile.
        DiskFullError: there is no room; what was saved before stays.
    """
    path = annotations_file(run)
    try:
        annotation = Annotation(tags=list(dict.fromkeys(tags)), note=note, written=datetime.now(UTC))
    except ValidationError as error:
        raise AnnotationError(
            f"The tags or the note of row {row_id} cannot be saved. A tag has 1 to {TAG_LENGTH} characters, a text up "
            f"to {TAGS_EACH} tags, a note up to {NOTE_LENGTH:,} characters."
        ) from error
    with folder_lock(run.folder, ".annotations.lock"):
        saved = _read(path)
        if annotation.tags or annotation.note:
            saved.rows[row_id] = annotation
        else:
            saved.rows.pop(row_id, None)
        write_atomically(path, saved.model_dump_json(indent=2))


def known_tags(annotations: dict[str, Annotation]) -> list[str]:
    """Return every tag in use, and the suggested ones, in alphabetical order."""
    return sorted({*SUGGESTED_TAGS, *(tag for one in annotations.values() for tag in one.tags)})


def tagged_rows(annotations: dict[str, Annotation], tags: list[str]) -> list[str]:
    """Return the ids of the rows that have at least one of these tags."""
    return [row_id for row_id, one in annotations.items() if set(tags) & set(one.tags)]


def with_annotations(items: pd.DataFrame, annotations: dict[str, Annotation]) -> pd.DataFrame:
    """Return items with the columns ``tags`` (joined by “; ”) and ``note``, empty where there are none."""
    found = [annotations.get(row_id) for row_id in items["row_id"]]
    return items.assign(
        tags=["; ".join(one.tags) if one else "" for one in found], note=[one.note if one else "" for one in found]
    )


def _read(path: Path) -> _AnnotationFile:
    try:
        return _AnnotationFile.model_validate(read_json(path))
    except FileNotFoundError:
        return _AnnotationFile()
    except (OSError, ValueError) as error:
        raise AnnotationError(
            f"{path} cannot be read: damaged, or written by a newer version of finsent ({reason(error)}). Repair it, "
            "or rename it to start anew."
        ) from error
