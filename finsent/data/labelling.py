"""What the values of a label column mean. Words are read; numbers, codes, scores and degrees are asked for.

A wrong guess of what 0, 1 and 2 stand for is the worst error there is: everything trains, and all of it is wrong.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.choices import Choices, label_key, written
from finsent.data.formats.layouts import one_label
from finsent.data.formats.raw import RawTable
from finsent.data.formats.vocabulary import LABEL_NAMES, degree, is_number, nearest, plain
from finsent.data.questions import EVIDENCE, SHOWN_ROWS, Question, Value
from finsent.errors import LabelsAskedError, UnknownLabelError, UsageError
from finsent.labels import FIVE_LABELS, NEGATIVE, NEUTRAL, POSITIVE

#: More values than this are scores, or no labels at all.
_MOST_VALUES = 12
#: Words for a label that is missing, which are no labels of another kind.
_MISSING = frozenset({"nan", "n/a", "na", "null", "none", "nil", "missing", "-", "?", "#n/a"})
#: A share of rows whose labels are unknown from which on it is asked what these mean, if one of them is so frequent.
_MANY, _FEW = 0.2, 3
_BETWEEN = re.compile(r"[#\n,;|/]")


def map_labels(
    raw: RawTable, columns: Sequence[str], cells: pd.Series, texts: pd.Series, choices: Choices
) -> tuple[RawTable, pd.Series, tuple[str, ...]]:
    """Return the rows that have a label, these labels as given or as chosen, and what was done.

    ``cells`` and ``texts`` have the index of ``raw.table``. Refused are rows without a label, with several, or with one
    that is unknown; the nearest known one is named.

    Raises:
        LabelsAskedError: the values are no labels by name, and nothing says what they mean; or some are degrees.
        UnknownLabelError: there are too many different ones for a label column.
        UsageError: the choices cannot be read.
    """
    if choices.labels and choices.thresholds:
        raise UsageError("Give what labels mean, or thresholds for scores, not both.")
    single = [one_label(_opened(value)) for value in cells]
    values = pd.Series([_in_words(value) for value, _ in single], index=cells.index, dtype=object)
    faults = pd.Series(
        [fault or _several(value) for value, (_, fault) in zip(values, single, strict=True)], cells.index, dtype=object
    )
    bad = faults.ne("")
    raw = raw.refuse(bad, faults[bad], "label")
    values = values[~bad]
    blank = values.str.strip().eq("")
    raw = raw.refuse(blank, _no_label(raw, columns, blank), "empty")
    values = values[~blank]
    if values.empty:
        return raw, values, ()
    if (cuts := choices.cuts) is not None:
        return _cut(raw, values, cuts)
    mapping = choices.mapping
    keys = values.map(label_key)
    if not mapping:
        _ask_if_unclear(raw, columns, values, keys, texts, choices)
    labels = keys.map(lambda key: mapping.get(key, key if key in FIVE_LABELS else ""))
    unknown = labels.eq("")
    if not mapping and unknown.any() and unknown.all():
        raise _too_many(raw, columns, values)
    reasons = [_unknown(value) for value in values[unknown]]
    raw = raw.refuse(unknown, reasons, "label")
    return raw, labels[~unknown] if mapping else values[~unknown], _mapped(values, keys, mapping)


def _opened(value: Any) -> Any:
    """Return what a cell that holds JSON stands for, as tools export it into CSV; any other cell as it is."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return {"": value} if value.lstrip().startswith("{") else _listed(value)
    return value


def _listed(value: str) -> Any:
    """Return what a list as Python writes it stands for; any other value as it is."""
    try:
        return json.loads(value.replace("'", '"'))
    except (ValueError, RecursionError):
        return value


def _in_words(value: Any) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _several(value: str) -> str:
    parts = [part for part in _BETWEEN.split(value) if part.strip()]
    if len(parts) > 1 and all(plain(part) in FIVE_LABELS for part in parts):
        return f"{len(parts)} labels in one cell: {', '.join(part.strip() for part in parts)[:80]}"
    return ""


def _no_label(raw: RawTable, columns: Sequence[str], blank: pd.Series) -> list[str]:
    others = [one for one in raw.table.columns if one not in columns and plain(one) == plain(columns[0])]
    rows = raw.table[blank]
    reasons = []
    for _, row in rows[others].iterrows() if others else ((0, None) for _ in range(len(rows))):
        given = [other for other in others if row is not None and _in_words(row[other]).strip()]
        both = ",".join((columns[0], *given))
        reasons.append(
            f"no label in “{columns[0]}”, but one in “{given[0]}”: --label-column {both} takes them as one column"
            if given
            else "no label"
        )
    return reasons


def _cut(raw: RawTable, values: pd.Series, cuts: tuple[float, float]) -> tuple[RawTable, pd.Series, tuple[str, ...]]:
    low, high = cuts
    scores = pd.to_numeric(values.map(label_key), errors="coerce")
    bad = scores.isna() | np.isinf(scores)
    raw = raw.refuse(
        bad, [f"“{value[:40]}” is no score" for value in values[bad]], "label", ["no score"] * int(bad.sum())
    )
    scores = scores[~bad]
    labels = pd.Series(np.where(scores < low, NEGATIVE, np.where(scores > high, POSITIVE, NEUTRAL)), scores.index)
    counts = labels.value_counts()
    note = (
        f"Scores are cut as chosen: below {low:g} negative ({counts.get(NEGATIVE, 0):,}), {low:g} to {high:g} neutral "
        f"({counts.get(NEUTRAL, 0):,}), above {high:g} positive ({counts.get(POSITIVE, 0):,})."
    )
    return raw, labels, (note,)


def _ask_if_unclear(
    raw: RawTable, columns: Sequence[str], values: pd.Series, keys: pd.Series, texts: pd.Series, choices: Choices
) -> None:
    counts = Counter(keys)
    known = [key for key in counts if key in FIVE_LABELS]
    degrees = [key for key in counts if degree(key)]
    others = [n for key, n in counts.items() if key not in known and key not in _MISSING]
    # Some misspelt ones are refused; where there are many, they are labels of another kind, as “negativ” and “positiv”.
    many = len(counts) <= _MOST_VALUES and sum(others) >= _MANY * len(keys) and max(others, default=0) >= _FEW
    if known and not degrees and not many:
        return
    numbers = [key for key in counts if is_number(key)]
    settled = replace(choices, label_column=",".join(columns))
    if sum(counts[key] for key in numbers) > 0.9 * len(keys) and _are_scores(numbers):
        raise _ask_cuts(raw, columns[0], np.array([float(key) for key in numbers]), settled, len(numbers))
    if len(counts) > _MOST_VALUES and not degrees:
        raise _too_many(raw, columns, values)
    raise _ask_meanings(raw, columns[0], values, keys, texts, settled)


def _are_scores(numbers: list[str]) -> bool:
    found = [float(one) for one in numbers]
    return len(found) > _MOST_VALUES or any(not one.is_integer() for one in found)


def _ask_cuts(raw: RawTable, column: str, scores: np.ndarray, choices: Choices, n: int) -> LabelsAskedError:
    low, high = float(scores.min()), float(scores.max())
    sentence = f"The column “{column}” holds scores from {low:g} to {high:g} ({n:,} different ones)"
    message = (
        f"{raw.name}: {sentence[0].lower()}{sentence[1:]}, and where negative ends and positive begins is for you to "
        "say. Give two thresholds, for example --thresholds -0.3,0.3: below the first is negative, above the second "
        "positive; nothing is assumed."
    )
    question = Question("thresholds", sentence, raw.table.head(SHOWN_ROWS), choices, low=low, high=high)
    return LabelsAskedError(message, question)


def _ask_meanings(
    raw: RawTable, column: str, values: pd.Series, keys: pd.Series, texts: pd.Series, choices: Choices
) -> LabelsAskedError:
    found = []
    for key, n in sorted(Counter(keys).items()):
        here = keys.index[keys == key]
        shown = Counter(values[here].str.strip()).most_common(1)[0][0]
        known = key if key in FIVE_LABELS else ""
        found.append(Value(shown, n, tuple(texts[here[:EVIDENCE]]), known or nearest(key)))
    plain_words = all(one.proposed for one in found) or any(one.proposed in FIVE_LABELS for one in found)
    counted = ", ".join(f"“{one.value[:40]}” ({one.n:,})" for one in found[: 2 * _MOST_VALUES])
    sentence = f"What do the values of “{column}” mean?"
    if plain_words:
        folded = {one.value: one.proposed or "LABEL" for one in found if plain(one.value) not in FIVE_LABELS}
        begins = "Say it for the rest" if "LABEL" in folded.values() else "Proposed"
        how = f"{begins}: --labels {_shell(written(folded))}"
    else:
        example = written({one.value: label for one, label in zip(found, _wanted(len(found)), strict=True)})
        how = f"Say it for each: --labels {_shell(example)}; nothing is assumed"
    message = (
        f"{raw.name}: the column “{column}” holds {counted}, of which not all are labels ({', '.join(FIVE_LABELS)}). "
        f"What they mean is for you to say. {how}."
    )
    question = Question("labels", sentence, raw.table.head(SHOWN_ROWS), choices, values=tuple(found))
    return LabelsAskedError(message, question)


def _wanted(count: int) -> list[str]:
    return ["LABEL"] * count


def _shell(words: str) -> str:
    return f"'{words}'" if " " in words or '"' in words else words


def _too_many(raw: RawTable, columns: Sequence[str], values: pd.Series) -> UnknownLabelError:
    counts = Counter(values.str.strip()).most_common(3)
    shown = ", ".join(f"“{value[:40]}” ({n:,})" for value, n in counts)
    return UnknownLabelError(
        f"{raw.name}: the column “{columns[0]}” holds {values.str.strip().nunique():,} different values, none of them "
        f"a label, for example {shown}. Choose another with --label-column. Labels are: {', '.join(FIVE_LABELS)}."
    )


def _unknown(value: str) -> str:
    if label_key(value) in LABEL_NAMES:
        return f"“{value.strip()[:40]}” where a label should be: the header stands here again"
    close = nearest(label_key(value))
    return f"unknown label “{value.strip()[:40]}”" + (f", nearest is “{close}”" if close else "")


def _mapped(values: pd.Series, keys: pd.Series, mapping: dict[str, str]) -> tuple[str, ...]:
    counts = Counter(key for key in keys if key in mapping and mapping[key] != key)
    if not counts:
        return ()
    shown = {key: values[keys == key].iloc[0].strip()[:40] for key in counts}
    words = ", ".join(f"{shown[key]} = {mapping[key]} ({counts[key]:,})" for key in mapping if key in counts)
    return (f"Labels are read as chosen: {words}.",)
