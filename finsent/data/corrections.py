"""Corrections of a data set's labels: one decision a row, as a table that people can read and edit by hand.

A correction never touches the source. It is applied to the rows that a run trains and watches on, after the draw, so
that the same rows are drawn as without it. A test row may be flagged and is never changed.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd

from finsent.data.export import export_csv
from finsent.errors import CorrectionsError
from finsent.labels import split_answers

#: What may be decided of a row: its label is right, is another one, the row is left out, or (test rows) is doubtful.
KEEP, CHANGE, DROP, FLAG = "keep", "change", "drop", "flag"
DECISIONS = (KEEP, CHANGE, DROP, FLAG)
COLUMNS = ("row_id", "decision", "old_label", "new_label", "reason", "time", "data")
REASON_LENGTH = 500
#: A line of a corrections file names its data set by so much of the data set's hash.
_HASH_LETTERS = 16
_MOST_BYTES = 64 * 2**20
_FAULTS_SHOWN = 5


@dataclass(frozen=True)
class Correction:
    """What somebody decided of one row. ``old_label`` is the source's; ``new_label`` is "" unless it is changed.

    ``time`` is UTC.
    """

    row_id: str
    decision: str
    old_label: str
    new_label: str
    reason: str
    time: datetime


Corrections = Mapping[str, Correction]


class Flags(NamedTuple):
    """Test rows whose label a file of corrections doubts, and a sentence on each of its lines that cannot be used."""

    rows: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


NO_FLAGS = Flags()


def correction(rows: pd.DataFrame, row_id: str, decision: str, new_label: str = "", reason: str = "") -> Correction:
    """Return a decision of now about one row of a data table (``row_id, label, answers, split``).

    Raises:
        CorrectionsError: there is no such row, or it cannot be decided like this; the message says why.
    """
    known = _known(rows)
    reason = " ".join(reason.split())
    label = known[row_id].label if row_id in known else ""
    made = Correction(row_id, decision, label, new_label, reason, datetime.now(UTC).replace(microsecond=0))
    why = _fault(made, known)
    if not why and known[row_id].split == "test" and decision in (CHANGE, DROP):
        why = f"the test row “{row_id[:60]}” may be flagged, and is never changed: it is what models are judged by"
    if why:
        raise CorrectionsError(f"This cannot be decided: {why}.")
    return made


def corrections_csv(corrections: Corrections, data_hash: str) -> bytes:
    """Return corrections as a CSV file (UTF-8), one line a row in the order of their times."""
    rows = [
        {"row_id": one.row_id, "decision": one.decision, "old_label": one.old_label, "new_label": one.new_label}
        | {"reason": one.reason, "time": one.time.isoformat(), "data": data_hash[:_HASH_LETTERS]}
        for one in sorted(corrections.values(), key=lambda one: one.time)
    ]
    return export_csv(pd.DataFrame(rows, columns=list(COLUMNS), dtype=str))


def read_corrections(content: bytes, name: str, rows: pd.DataFrame, data_hash: str) -> dict[str, Correction]:
    """Return the corrections of a file, by row id, checked line by line against the data table that they are of.

    ``rows`` has ``row_id, label, answers, split``; ``name`` is what messages call the file.

    Raises:
        CorrectionsError: a line cannot be used; the message names the first few with their number, and none counts.
    """
    known = _known(rows)
    found: dict[str, Correction] = {}
    faults = []
    for number, cells in _lines(content, name):
        try:
            one = _read_line(cells, known, data_hash)
            if one.row_id in found and found[one.row_id] != one:
                raise ValueError(f"a conflict, the row “{one.row_id[:60]}” is decided on another line, too")
        except ValueError as error:
            faults.append(f"Line {number:,}: {error}.")
        else:
            found[one.row_id] = one
    if faults:
        more = f" And {len(faults) - _FAULTS_SHOWN:,} more lines." if len(faults) > _FAULTS_SHOWN else ""
        raise CorrectionsError(
            f"{name} cannot be used, and nothing of it was applied. {' '.join(faults[:_FAULTS_SHOWN])}{more}"
        )
    return found


def apply_corrections(rows: pd.DataFrame, corrections: Corrections) -> pd.DataFrame:
    """Return drawn rows with their labels changed and those dropped that corrections say, numbered from 0.

    Flags and confirmed labels change nothing, and no test row is ever changed.
    """
    held = rows["split"] == "test"
    decisions = rows["row_id"].map({row: one.decision for row, one in corrections.items()})
    labels = rows["row_id"].map({row: one.new_label for row, one in corrections.items()})
    changed = rows.assign(label=rows["label"].mask((decisions == CHANGE) & ~held, labels))
    return changed[held | (decisions != DROP)].reset_index(drop=True)


def flagged(row_ids: Iterable[str], content: bytes, name: str, data_hash: str) -> Flags:
    """Return which of some test rows have a label that a file of corrections doubts: all that it does not keep.

    ``data_hash`` may be its beginning, of which a line may tell less or more. Lines about other rows say nothing here,
    so that the rows of other splits need not be read for it, and are not held against them.

    Raises:
        CorrectionsError: it is no file of corrections at all.
    """
    ids = list(row_ids)
    known = set(ids)
    decided: dict[str, str] = {}
    unusable = []
    for number, cells in _lines(content, name):
        row_id = _as_typed(cells["row_id"], known)
        try:
            _of_data(cells["data"][: len(data_hash)], data_hash)
            decision = _decision(cells["decision"])
            _time(cells["time"])
            if decided.get(row_id, decision) != decision:
                raise ValueError(f"the row “{row_id[:60]}” is decided otherwise on a line before it, which counts")
        except ValueError as error:
            unusable.append(f"Line {number:,}: {error}.")
        else:
            decided[row_id] = decision
    doubted = (row for row in ids if decided.get(row, KEEP) != KEEP)
    return Flags(tuple(doubted), tuple(unusable))


def counts(corrections: Corrections) -> dict[str, int]:
    """Return how many rows have each decision."""
    return {name: sum(one.decision == name for one in corrections.values()) for name in DECISIONS}


@dataclass(frozen=True)
class _Row:
    label: str
    answers: tuple[str, ...]
    split: str


def _known(rows: pd.DataFrame) -> dict[str, _Row]:
    values = (rows[name].astype(str) for name in ("row_id", "label", "answers", "split"))
    return {row_id: _Row(label, split_answers(cell), split) for row_id, label, cell, split in zip(*values, strict=True)}


def _lines(content: bytes, name: str) -> list[tuple[int, dict[str, str]]]:
    """Return the lines below the head with their numbers in the file."""
    if len(content) > _MOST_BYTES:
        raise CorrectionsError(f"{name} has {len(content):,} bytes, more than a file of corrections has.")
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        absent = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if absent:
            raise CorrectionsError(f"{name} has no column {', '.join(absent)}. It needs: {', '.join(COLUMNS)}.")
        return [(reader.line_num, {key: cells.get(key) or "" for key in COLUMNS}) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorrectionsError(f"{name} is no CSV file in UTF-8 ({error}).") from error


def _read_line(cells: dict[str, str], known: dict[str, _Row], data_hash: str) -> Correction:
    """Return the correction of one line.

    Raises:
        ValueError: it cannot be used; the message is a part of a sentence.
    """
    _of_data(cells["data"], data_hash)
    cells = {key: _as_typed(value, known if key == "row_id" else ()) for key, value in cells.items()}
    time = _time(cells["time"])
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    one = Correction(cells["row_id"], cells["decision"], cells["old_label"], cells["new_label"], cells["reason"], time)
    if why := _fault(one, known):
        raise ValueError(why)
    return one


def _of_data(cell: str, data_hash: str) -> None:
    """Refuse what a line says of its data where that is not the beginning of their hash."""
    if not cell or not data_hash.startswith(cell):
        raise ValueError(f"it is about another data set, or an older state of this one (data “{cell[:20]}”)")


def _time(cell: str) -> datetime:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"“{cell[:40]}” is no time, such as 2026-01-31T12:00:00+00:00") from None


def _decision(cell: str) -> str:
    if cell not in DECISIONS:
        raise ValueError(f"the decision “{cell[:40]}” is none of {', '.join(DECISIONS)}")
    return cell


def _as_typed(value: str, known: Iterable[str]) -> str:
    """Take away the apostrophe that keeps a spreadsheet from running a text, unless a row is called so."""
    bare = value.removeprefix("'")
    return value if value in known or not value.startswith("'") else bare


def _fault(one: Correction, known: dict[str, _Row]) -> str:
    """Return as a part of a sentence why a correction cannot be one of these rows, "" where it can."""
    if one.row_id not in known:
        return f"there is no row “{one.row_id[:60]}” in these data"
    row = known[one.row_id]
    if one.decision not in DECISIONS:
        return f"the decision “{one.decision[:40]}” is none of {', '.join(DECISIONS)}"
    if one.old_label != row.label:
        return f"a conflict, the label of row “{one.row_id[:60]}” is {row.label}, not “{one.old_label[:40]}”"
    if one.decision == CHANGE and one.new_label not in row.answers:
        return f"the label “{one.new_label[:40]}” is none of {', '.join(row.answers)}, which its prompt offers"
    if one.decision == CHANGE and one.new_label == row.label:
        return f"the new label of row “{one.row_id[:60]}” is the old one; the decision for that is {KEEP}"
    if one.decision != CHANGE and one.new_label:
        return f"a new label goes with the decision {CHANGE} alone, not with {one.decision}"
    if len(one.reason) > REASON_LENGTH:
        return f"the reason has more than {REASON_LENGTH:,} characters"
    return ""
