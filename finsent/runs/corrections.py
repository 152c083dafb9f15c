"""The corrections of data sets: ``runs/corrections/<hash of the data>/corrections.csv``, saved at each decision.

Beside the file stands ``about.json`` with the version's number and hash and the decisions that can be taken back. A
file that was edited by hand since is checked as a whole, and is the next version.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from finsent.data.corrections import (
    Correction,
    correction,
    corrections_csv,
    counts,
    read_corrections,
)
from finsent.data.prepared import Prepared
from finsent.errors import CorrectionsError, reason
from finsent.files import read_json, replacing, typed_path, write_atomically
from finsent.runs.locks import LOCK_SECONDS, held

FILE = "corrections.csv"
#: So many decisions can be taken back.
_MOST_STEPS = 500


@dataclass(frozen=True)
class CorrectionSet:
    """The corrections of one data set. ``version`` counts what was saved (0: nothing yet), ``sha256`` is the file's."""

    file: Path
    version: int
    sha256: str
    rows: dict[str, Correction]
    content: bytes

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each decision."""
        return counts(self.rows)


class _Step(BaseModel):
    """A decision that can be taken back: the row, and what was decided of it before (None: nothing)."""

    model_config = ConfigDict(extra="forbid")

    row_id: str
    before: Correction | None


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: str
    title: str
    version: int = Field(ge=0)
    sha256: str
    steps: list[_Step] = Field(default_factory=list)


def corrections_dir(runs_dir: Path) -> Path:
    """Return where the corrections of all data sets stand, each in a folder named by the beginning of its hash."""
    return runs_dir / "corrections"


def corrections_file(runs_dir: Path, data_hash: str) -> Path:
    """Return where the corrections of a data set stand, or would."""
    return corrections_dir(runs_dir) / data_hash[:16] / FILE


def saved_corrections(runs_dir: Path, data: Prepared) -> CorrectionSet:
    """Return what was decided of a data set's rows so far.

    Raises:
        CorrectionsError: the file was edited by hand and cannot be used, or cannot be read.
    """
    file = corrections_file(runs_dir, data.source_hash)
    return _read(file, data)[0]


def given_corrections(file: str | Path, data: Prepared) -> CorrectionSet:
    """Return the corrections of a file that somebody names; raises as :func:`given_corrections_of`."""
    path = typed_path(file, CorrectionsError, "file of corrections", "Give another file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorrectionsError(f"{path} cannot be read ({error.strerror}). Give another file.") from error
    return given_corrections_of(content, str(path), data)


def given_corrections_of(content: bytes, name: str, data: Prepared) -> CorrectionSet:
    """Return the corrections of a file's content, of version 0 and not saved.

    Raises:
        CorrectionsError: it cannot be used.
    """
    rows = read_corrections(content, name, data.rows, data.source_hash)
    return CorrectionSet(Path(name), 0, _sha256(content), rows, content)


def decide(
    runs_dir: Path, data: Prepared, row_id: str, decision: str, new_label: str = "", why: str = ""
) -> CorrectionSet:
    """Save what somebody decided of a row, in place of what was decided before; return the new version.

    Raises:
        CorrectionsError: it cannot be decided like this (see :func:`finsent.data.corrections.correction`), or what was
            saved cannot be read; nothing is written.
        DiskFullError: there is no room; what was saved before stays.
    """
    made = correction(data.rows, row_id, decision, new_label, why)
    with _locked(runs_dir, data) as file:
        saved, steps = _read(file, data)
        steps.append(_Step(row_id=row_id, before=saved.rows.get(row_id)))
        return _write(file, data, saved, saved.rows | {row_id: made}, steps)


def undo(runs_dir: Path, data: Prepared) -> tuple[CorrectionSet, str]:
    """Take the last decision back; return the new version, and the row that it was about.

    Raises:
        CorrectionsError: there is none to take back, or what was saved cannot be read.
        DiskFullError: there is no room.
    """
    with _locked(runs_dir, data) as file:
        saved, steps = _read(file, data)
        if not steps:
            raise CorrectionsError("There is no decision to take back.")
        step = steps.pop()
        rows = {row: one for row, one in saved.rows.items() if row != step.row_id}
        if step.before is not None:
            rows[step.row_id] = step.before
        return _write(file, data, saved, rows, steps), step.row_id


def take_over(runs_dir: Path, data: Prepared, given: CorrectionSet) -> CorrectionSet:
    """Save the corrections of a file in place of those of this data set; raises as :func:`decide`."""
    with _locked(runs_dir, data) as file:
        saved, _ = _read(file, data)
        return _write(file, data, saved, given.rows, [])


def _read(file: Path, data: Prepared) -> tuple[CorrectionSet, list[_Step]]:
    about = _about(file)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return CorrectionSet(file, about.version if about else 0, "", {}, b""), []
    except OSError as error:
        raise CorrectionsError(f"{file} cannot be read ({error.strerror}).") from error
    found = read_corrections(content, str(file), data.rows, data.source_hash)
    sha256 = _sha256(content)
    by_hand = about is None or about.sha256 != sha256
    version = (about.version if about else 0) + by_hand
    return CorrectionSet(file, version, sha256, found, content), [] if by_hand or about is None else about.steps


def _write(
    file: Path, data: Prepared, saved: CorrectionSet, rows: dict[str, Correction], steps: list[_Step]
) -> CorrectionSet:
    content = corrections_csv(rows, data.source_hash)
    new = CorrectionSet(file, saved.version + 1, _sha256(content), rows, content)
    about = _About(data=data.source_hash, title=data.title, version=new.version, sha256=new.sha256)
    about.steps = steps[-_MOST_STEPS:]
    with replacing(file) as scratch:
        scratch.write_bytes(content)
    write_atomically(file.with_name("about.json"), about.model_dump_json(indent=2))
    return new


def _about(file: Path) -> _About | None:
    about = file.with_name("about.json")
    try:
        return _About.model_validate(read_json(about))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CorrectionsError(
            f"{about} cannot be read: damaged, or written by a newer version of finsent ({reason(error)}). Remove it, "
            "and the corrections beside it count anew from version 1."
        ) from error


@contextmanager
def _locked(runs_dir: Path, data: Prepared) -> Iterator[Path]:
    file = corrections_file(runs_dir, data.source_hash)
    busy = CorrectionsError(f"{file} is locked by another process since {LOCK_SECONDS} s. Try again soon.")
    with held(file.with_name(".lock"), busy, str(file), make=True):
        yield file


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
