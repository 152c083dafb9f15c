"""Corrections of labels: what may be decided, what a file may say, and that no test row ever changes."""

import csv
import io

import pandas as pd
import pytest

from finsent.data.corrections import (
    COLUMNS,
    Flags,
    apply_corrections,
    correction,
    corrections_csv,
    counts,
    flagged,
    read_corrections,
)
from finsent.errors import CorrectionsError

HASH = "ab" * 32
NEWS = "positive|neutral|negative"
ROWS = pd.DataFrame(
    {
        "row_id": ["a", "b", "=c", "'d", "t"],
        "label": ["positive", "neutral", "negative", "neutral", "neutral"],
        "answers": NEWS,
        "split": ["train", "train", "validation", "train", "test"],
    }
)


def made(*decisions):
    return {row: correction(ROWS, row, *rest) for row, *rest in decisions}


def lines(corrections):
    return list(csv.DictReader(io.StringIO(corrections_csv(corrections, HASH).decode("utf-8-sig"))))


def as_file(changed_lines):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    writer.writerows(changed_lines)
    return stream.getvalue().encode()


def test_a_file_says_what_was_decided_also_of_rows_named_like_formulas():
    decided = made(("a", "change", "neutral", "=SUM(1) says so"), ("=c", "drop"), ("'d", "keep"), ("t", "flag"))
    again = read_corrections(corrections_csv(decided, HASH), "x.csv", ROWS, HASH)
    assert again == decided
    assert counts(again) == {"keep": 1, "change": 1, "drop": 1, "flag": 1}
    assert corrections_csv(again, HASH) == corrections_csv(decided, HASH)
    assert b"\"'=SUM(1)" in corrections_csv(decided, HASH)


def test_labels_change_rows_go_and_test_rows_stay_as_they_are():
    decided = made(("a", "change", "neutral"), ("b", "drop"), ("'d", "keep"), ("t", "flag"))
    later = ROWS.assign(split=["test", "train", "validation", "train", "test"])
    rows = apply_corrections(ROWS, decided)
    assert dict(zip(rows["row_id"], rows["label"], strict=True)) == {
        "a": "neutral",
        "=c": "negative",
        "'d": "neutral",
        "t": "neutral",
    }
    assert rows.index.tolist() == [0, 1, 2, 3]
    # Drawn by another seed, a changed row may judge: it is doubted there, and stays.
    assert apply_corrections(later, decided)["label"].iloc[0] == "positive"
    assert flagged(["a", "'d", "t"], corrections_csv(decided, HASH), "x.csv", HASH) == Flags(("a", "t"))
    pd.testing.assert_frame_equal(apply_corrections(ROWS, {}), ROWS)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (("nobody", "keep"), "no row “nobody”"),
        (("a", "burn"), "none of keep, change, drop, flag"),
        (("a", "change", "bullish"), "“bullish” is none of positive, neutral, negative"),
        (("a", "change", "positive"), "the decision for that is keep"),
        (("a", "keep", "neutral"), "goes with the decision change alone"),
        (("a", "keep", "", "x" * 501), "more than 500 characters"),
        (("t", "change", "positive"), "never changed"),
        (("t", "drop"), "never changed"),
    ],
)
def test_what_cannot_be_decided_is_said(decision, words):
    with pytest.raises(CorrectionsError, match="cannot be decided") as caught:
        made(decision)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row_id": "zz"}, "Line 3: there is no row “zz”"),
        ({"new_label": "bullish"}, "Line 3: the label “bullish” is none of"),
        ({"decision": "maybe"}, "Line 3: the decision “maybe”"),
        ({"old_label": "negative"}, "Line 3: a conflict, the label of row “b” is neutral"),
        ({"data": "0123456789abcdef"}, "Line 3: it is about another data set, or an older state of this one"),
        ({"data": ""}, "Line 3: it is about another data set"),
        ({"time": "yesterday"}, "Line 3: “yesterday” is no time"),
        (
            {"row_id": "a", "old_label": "positive", "new_label": "negative"},
            "Line 3: a conflict, the row “a” is decided",
        ),
    ],
)
def test_a_file_edited_by_hand_is_refused_by_line_as_a_whole(change, words):
    first, second = lines(made(("a", "change", "neutral"), ("b", "change", "positive")))
    with pytest.raises(CorrectionsError, match="nothing of it was applied") as caught:
        read_corrections(as_file([first, second | change]), "mine.csv", ROWS, HASH)
    assert words in str(caught.value)
    assert str(caught.value).startswith("mine.csv")


def test_every_bad_line_is_counted_and_the_first_are_named():
    line = lines(made(("a", "keep")))[0]
    bad = as_file([line | {"row_id": f"x{number}"} for number in range(8)])
    with pytest.raises(CorrectionsError) as caught:
        read_corrections(bad, "mine.csv", ROWS, HASH)
    assert str(caught.value).count("Line ") == 5
    assert "And 3 more lines." in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"row_id,decision\na,keep\n", "caf\u00e9".encode("latin-1"), b"row_id\n\x00", b'row_id,"']
)
def test_what_is_no_such_file_is_said(content):
    with pytest.raises(CorrectionsError):
        read_corrections(content, "mine.csv", ROWS, HASH)
