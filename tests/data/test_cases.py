"""Files as people have them, made from public reports: what is expected of each stands beside it."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from finsent.data.bring import bring
from finsent.data.choices import Choices
from finsent.data.dataset import load_data
from finsent.errors import ColumnAskedError, DataError, FinsentError, LabelsAskedError

CASES = Path(__file__).parents[3] / "shared" / "cases"
EXPECTED = json.loads((CASES / "expected.json").read_text()) if (CASES / "expected.json").exists() else {}
pytestmark = pytest.mark.skipif(not EXPECTED, reason="the cases are not part of the project, nor beside it")

#: What a message must say of a case, as a pattern, beside its outcome.
SAID = {
    "unbalanced.csv": "line 11.*line 41",
    "ragged.csv": "line 6.*line 10",
    "lfs.csv": "Git LFS pointer.*git lfs pull",
    "fiqa.csv": "scores from -0.71 to 0.62.*--thresholds",
    "ints012.csv": "“0” .20., “1” .20., “2” .20.",
    "LABEL.csv": "“LABEL_0” .20.",
    "typos.csv": "“positivx”, nearest is “positive” .4",
    "nine.csv": "'slightly negative=negative.*very positive=positive'",
    "nones.csv": "no text .9.*no label .5",
    "messages.jsonl": "after its common beginning",
    "huge.csv": "800,000 characters; the limit is 100,000.*line 62",
    "dup.csv": "“text .column 1.”, “text .column 2.”",
    "mixed_columns.json": "--label-column label,Label.*6: objects",
}
NOTED = {
    "all-data.csv": ["no header", "“column 2”", "Windows-1252"],
    "caps.csv": ["“Sentence ”", "“Sentiment”"],
    "splits": ["train 40, test 20; validation rows are drawn from train"],
    "two_label_cols.csv": ["“sentiment” could hold the labels, too; it differs from “label” in 40 of 60 rows"],
    "fingpt.jsonl": ["“instruction” is kept and not used"],
    "nested.json": ["the list “data”"],
}
#: Folders of reports/: "read" with rows, or a pattern of what the refusal or question says.
REPORTS = {
    "16": "line 11", "17": "line 42", "18": "line 2", "19": "git lfs pull", "28": "“mildly negative” .7.",
    "29": "“Extremely Positive” .10.", "30": "scores.*--thresholds", "31": "“0” .20.", "32": "“0” .20.",
    "33": "“-1.0” .20., “0.0” .20., “1.0” .20.", "34": "“LABEL_0”", "35": "“<mixed>” .2.*“Disagreement” .1",
    "36": "postive.*line 8.*netural.*line 10.*nuetral.*line 13", "38": "news .positive, negative. and of posts",
    "39": "the label is an object", "42": "“text” holds dates", "45": "8 of 60.*2, 6", "46": "no text .3.*no label .2",
    "47": "lines 61, 62", "49": "no label .1.*“nan” .1", "53": "half a character.*line 61",
    "59": "label_names.csv has the columns id, name", "61": "2 labels, not one", "63": "6 of 60.*2 labels, not one",
    "64": "2 labels.*line 5.*no label .1: line 8", "66": "2 labels in one cell: positive, neutral .5",
    "67": "5 of 60", "73": "200,018 characters.*line 62", "74": "“text .column 1.”", "75": "“label .column 1.”",
    "78": "no data at", "79": "no column label.*Date, Headline", "93": "“text” holds lists",
}  # fmt: skip
ROWS = {"48": 64, "71": 41, "72": 68}


def by_path(path):
    return str(path)


def brought(path):
    """Bring a file as the Dataset page's upload does, and return the source that is kept."""
    return str(bring(path.read_bytes(), path.name).path)


BOTH = pytest.mark.parametrize("way", [by_path, brought])


@BOTH
@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_gives_what_is_expected_of_it(name, way, runs_dir):
    if way is brought and (CASES / name).is_dir():
        pytest.skip("a folder cannot be brought")
    expected = EXPECTED[name]
    if expected["outcome"] == "read":
        data = load_data(way(CASES / name))
        assert len(data.rows) == expected["rows"] == data.total_rows
        assert data.rows["label"].value_counts().to_dict() == expected["labels"]
        assert all(any(words in note for note in data.notes) for words in NOTED.get(name, []))
        assert not any(text.endswith(("@neutral", '"')) or "\ufffd" in text for text in data.rows["text"])
        return
    asked = expected["outcome"] == "ask" and "rows_read_plus_refused" not in expected
    with pytest.raises((ColumnAskedError, LabelsAskedError) if asked else DataError) as raised:
        load_data(way(CASES / name))
    assert re.search(SAID[name], str(raised.value)), raised.value
    if "rows_read_plus_refused" in expected:
        rest = load_data(way(CASES / name), Choices(leave_out=True))
        assert len(rest.rows) + len(rest.refused) == rest.total_rows == expected["rows_read_plus_refused"]


def folders():
    return sorted(path for path in (CASES / "reports").iterdir() if path.is_dir()) if EXPECTED else []


def given_path(folder):
    """Return what the report's command reads, below its folder."""
    return re.search(r'\$CASE/([^"]*)"', (folder / "cmd").read_text()).group(1)


@BOTH
@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_a_report_gives_what_a_person_would_expect(folder, way, runs_dir):
    number = folder.name[:2]
    path = folder / given_path(folder)
    if way is brought and not path.is_file():
        pytest.skip("only a file can be brought")
    if number in REPORTS:
        with pytest.raises(FinsentError) as raised:
            load_data(way(path))
        assert re.search(REPORTS[number], str(raised.value)), raised.value
        assert "\n" not in str(raised.value)
        return
    data = load_data(way(path))
    assert len(data.rows) == ROWS.get(number, 60) == data.total_rows
    texts = data.rows["text"]
    assert not texts.str.contains(r"@neutral$|^b'|^\[|^ \"|[\x80-\x9f]", regex=True).any()
    assert set(data.rows["label"]) <= {"negative", "neutral", "positive", "bearish", "bullish"}
    if number == "86":
        assert set(data.rows["answers"]) == {"bearish|neutral|bullish"}


def test_what_is_left_of_a_report_and_what_is_refused_are_all_its_rows():
    for folder in folders():
        path = folder / given_path(folder)
        try:
            data = load_data(str(path), Choices(leave_out=True))
        except FinsentError:
            continue
        assert len(data.rows) + len(data.refused) == data.total_rows
        if path.suffix == ".csv" and folder.name[:2] in ("16", "17", "18", "35", "36", "45", "49"):
            assert data.total_rows == len(path.read_text().splitlines()) - 1


DEGREES = ("very negative", "slightly negative", "slightly positive", "very positive")
CHOSEN = {
    "ints012.csv": ({"labels": "0=negative,1=neutral,2=positive"}, 20),
    "LABEL.csv": ({"labels": "label_0=negative,LABEL_1=neutral,LABEL_2=positive"}, 20),
    "fiqa.csv": ({"thresholds": "-0.3,0.3"}, 20),
    "dup.csv": ({"text_column": "text (column 2)"}, 20),
    "messages.jsonl": ({"text_column": "last user message, after its common beginning"}, 20),
    "mixed_columns.json": ({"label_column": "label,Label"}, 20),
    "typos.csv": ({"labels": "positivx=positive"}, 20),
    "nine.csv": ({"labels": ",".join(f"{degree}={degree.split()[1]}" for degree in DEGREES)}, None),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_question_is_settled_by_its_answer(name):
    choices, each = CHOSEN[name]
    data = load_data(str(CASES / name), Choices(**choices))
    counts = data.rows["label"].value_counts()
    assert len(data.rows) == data.total_rows == 60
    assert counts.to_dict() == (
        {"negative": each, "neutral": each, "positive": each}
        if each
        else {"negative": 24, "positive": 24, "neutral": 12}
    )
    assert not data.rows["text"].str.startswith("What is the sentiment").any()


def test_a_question_about_labels_shows_texts_of_each_value():
    with pytest.raises(LabelsAskedError) as raised:
        load_data(str(CASES / "ints012.csv"))
    question = raised.value.question
    table = pd.read_csv(CASES / "ints012.csv", dtype=str)
    assert [(one.value, one.n, one.proposed) for one in question.values] == [
        ("0", 20, ""),
        ("1", 20, ""),
        ("2", 20, ""),
    ]
    for one in question.values:
        assert list(one.texts) == table.loc[table["label"] == one.value, "text"].head(3).tolist()
    assert len(question.first) == 10
