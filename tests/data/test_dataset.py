"""The validated table, its filter, split, draws, fingerprint and export."""

import csv
import io
import os
import subprocess
import sys

import datasets
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finsent.data.browse import filter_rows
from finsent.data.dataset import (
    describe,
    fingerprint,
    load_data,
    load_upload,
    sample_rows,
    split_rows,
)
from finsent.data.export import export_csv
from finsent.data.sources import source_version
from finsent.errors import EmptyDataError, UnknownLabelError
from finsent.files import PROJECT
from finsent.labels import FIVE_LABELS, split_answers
from finsent.prompts import build_prompt
from tests.conftest import shared_data

COLUMNS = ["row_id", "text", "label", "system_prompt", "prompt", "answers", "source", "topic"]


@pytest.fixture(scope="module")
def embedded():
    return load_data("embedded")


@pytest.fixture(scope="module")
def sujet():
    """The folder in the Sujet columns, as the library opens it, and its sentiment rows read by Python's csv module."""
    folder = shared_data("sujet_like")
    with (folder / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["task_type"] == "sentiment_analysis"]
    return load_data(str(folder)), rows


def test_the_embedded_table_is_whole_and_called_synthetic(embedded):
    rows = embedded.rows
    assert list(rows.columns) == COLUMNS
    assert rows["row_id"].is_unique
    assert embedded.synthetic
    assert len(rows) == embedded.total_rows == 1_319
    counts = rows.groupby(["source", "label"]).size().to_dict()
    assert counts == {
        ("lab_news", "negative"): 222,
        ("lab_news", "neutral"): 525,
        ("lab_news", "positive"): 302,
        ("lab_posts", "bearish"): 88,
        ("lab_posts", "bullish"): 88,
        ("lab_posts", "neutral"): 94,
    }
    assert rows["topic"].ne("").all()


def test_every_label_is_one_that_its_prompt_allows(embedded):
    assert all(
        label in split_answers(cell)
        for label, cell in zip(embedded.rows["label"], embedded.rows["answers"], strict=True)
    )


def test_a_prompt_is_its_system_prompt_and_text(embedded):
    rows = embedded.rows
    rebuilt = [build_prompt(system, text) for system, text in zip(rows["system_prompt"], rows["text"], strict=True)]
    assert rows["prompt"].tolist() == rebuilt


def test_real_rows_are_kept_byte_for_byte_and_the_rest_filtered_out(sujet):
    data, rows = sujet
    assert (len(data.rows), data.total_rows, data.synthetic) == (7_220, 8_420, False)
    for column, name in (("prompt", "inputs"), ("text", "user_prompt"), ("label", "answer"), ("source", "dataset")):
        assert data.rows[column].tolist() == [row[name] for row in rows]
    assert data.rows["row_id"].tolist() == [row["Unnamed: 0"] for row in rows]


def test_a_folder_and_its_file_are_the_same_data(sujet):
    data, _ = sujet
    again = load_data(str(shared_data("sujet_like") / "train.csv"))
    pd.testing.assert_frame_equal(again.rows, data.rows)
    assert again.fingerprint == data.fingerprint


def test_the_split_is_the_tutorials_which_half_is_test_included(sujet):
    data, rows = sujet
    table = datasets.Dataset.from_list([{"id": row["Unnamed: 0"]} for row in rows])
    first = table.train_test_split(test_size=0.2, seed=42)
    second = first["test"].train_test_split(test_size=0.5, seed=42)
    split = split_rows(data.rows)
    for name, part in (("train", first["train"]), ("test", second["train"]), ("validation", second["test"])):
        assert set(split.loc[split["split"] == name, "row_id"]) == set(part["id"])
    assert split["split"].value_counts().to_dict() == {"train": 5_776, "validation": 722, "test": 722}


def test_another_seed_splits_differently_and_the_same_seed_alike(embedded):
    first, again, other = (split_rows(embedded.rows, seed)["split"].tolist() for seed in (42, 42, 43))
    assert first == again != other


def test_a_split_keeps_order_and_needs_ten_rows(embedded):
    ten = split_rows(embedded.rows.head(10))
    assert ten["row_id"].tolist() == embedded.rows["row_id"].head(10).tolist()
    assert sorted(ten["split"]) == ["test"] + ["train"] * 8 + ["validation"]
    with pytest.raises(EmptyDataError, match="9 sentiment rows; a split needs 10"):
        split_rows(embedded.rows.head(9))


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 2_000), seed=st.integers(0, 2**32 - 1))
def test_a_draw_is_of_that_many_different_rows_in_order_and_repeatable(embedded, count, seed):
    drawn = sample_rows(embedded.rows, count, seed)
    assert len(drawn) == min(count, len(embedded.rows))
    places = embedded.rows.reset_index().set_index("row_id").loc[drawn["row_id"], "index"]
    assert places.is_monotonic_increasing
    assert places.is_unique
    pd.testing.assert_frame_equal(drawn, sample_rows(embedded.rows, count, seed))


@pytest.mark.parametrize("column", ["row_id", "label", "prompt"])
def test_the_fingerprint_changes_with_any_row(embedded, column):
    changed = embedded.rows.copy()
    changed.loc[700, column] = "other"
    assert fingerprint(changed) != embedded.fingerprint == fingerprint(embedded.rows)
    assert fingerprint(embedded.rows[::-1]) != embedded.fingerprint


def test_the_fingerprint_sees_where_a_value_ends():
    tables = [
        pd.DataFrame({"row_id": [one], "label": [two], "prompt": [""]}) for one, two in (("ab", "c"), ("a", "bc"))
    ]
    assert fingerprint(tables[0]) != fingerprint(tables[1])


def test_the_summary_adds_up(embedded):
    facts = describe(embedded)
    assert facts["source"] == "embedded"
    assert facts["rows"] == sum(facts["labels"].values()) == sum(facts["splits"].values()) == 1_319
    assert list(facts["splits"]) == ["train", "validation", "test"]
    assert set(facts["labels"]) == set(FIVE_LABELS)
    assert facts["families"] == {"lab_news": 1_049, "lab_posts": 270}


def test_filters_look_for_text_literally_and_whatever_the_case():
    rows = pd.DataFrame({"text": ["Up 5% (est.)", "down", "UP"], "label": ["positive", "negative", "neutral"]})
    assert filter_rows(rows, "up")["text"].tolist() == ["Up 5% (est.)", "UP"]
    assert filter_rows(rows, "(est.)")["text"].tolist() == ["Up 5% (est.)"]
    assert filter_rows(rows, "up", label=["neutral", "negative"])["text"].tolist() == ["UP"]
    assert len(filter_rows(rows, label=[])) == 3


def test_an_upload_is_the_same_data_as_its_file(small_csv):
    upload = load_upload(small_csv.read_bytes(), "../../" + small_csv.name)
    assert upload.title == small_csv.name
    pd.testing.assert_frame_equal(upload.rows, load_data(str(small_csv)).rows)


def test_reading_a_folder_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.csv").write_text("text,label\n" + "a,neutral\n" * 12)
    load_data(str(folder))
    (folder / "train.csv").write_text("text,label\na,dreadful\n")
    with pytest.raises(UnknownLabelError, match="holds “dreadful” .1."):
        load_data(str(folder))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["set", "train.csv"]


def test_a_changed_file_is_another_version(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text,label\n")
    before = source_version(str(path))
    path.write_text("text,label\na,neutral\n")
    assert source_version(str(path)) != before
    assert source_version("~nobody-of-that-name/x") == source_version("embedded") == ""


class TestExport:
    """A spreadsheet must not run what a text says."""

    @pytest.mark.security("A text of a row or a column name is a formula", "In the CSV it begins with an apostrophe")
    @pytest.mark.parametrize(
        "start",
        [
            "=",
            "+",
            "-",
            "@",
            "\t=",
            "\r=",
            "\n=",
            " =",
            "＝",
            "|",
            "＋",
            "﹣",
            "−",
            "\u200b=",
            "\ufeff=",
            "\u2060+",
            "\x01@",
        ]
        + ["\x1f=", "\xa0=", "\u3000=", "\xad=", "\u200e=", "\ufe0f=", "\u3164=", " \u200b\t ＝"],
        ids=ascii,
    )
    def test_what_could_be_a_formula_becomes_text(self, start):
        content = export_csv(pd.DataFrame({"text": [f"{start}1+1"], start + "x": ["a"]}))
        header, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        assert row[0] == f"'{start}1+1"
        assert header[1] == f"'{start}x"

    @given(texts=st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")), min_size=1))
    def test_every_other_text_comes_back_unchanged(self, texts):
        content = export_csv(pd.DataFrame({"text": pd.Series(texts, dtype="str")})).decode("utf-8-sig")
        back = [row[0] for row in csv.reader(io.StringIO(content, newline=""))][1:]
        assert [
            text.removeprefix("'") if text != kept else text for text, kept in zip(back, texts, strict=True)
        ] == texts

    def test_negative_numbers_stay_numbers(self):
        assert b"-2.5" in export_csv(pd.DataFrame({"value": [-2.5]}))
        assert b"'" not in export_csv(pd.DataFrame({"value": [-2.5]}))

    def test_numbers_among_texts_stay_numbers_and_what_is_missing_stays_empty(self):
        mixed = pd.DataFrame({"value": [-2.5, "-2.5", None, True]})
        assert export_csv(mixed).decode("utf-8-sig").splitlines() == ['"value"', "-2.5", '"\'-2.5"', '""', "True"]


def test_a_grouped_split_draws_anew_what_a_source_splits_itself_and_needs_three_different_texts():
    words = [f"{chr(97 + place)}{chr(98 + place)}{chr(99 + place)}" for place in range(12)]
    rows = load_upload(
        pd.DataFrame({"text": words, "label": "neutral", "split": ["train"] * 8 + ["test"] * 4}).to_csv().encode(),
        "own.csv",
    ).rows
    assert set(split_rows(rows, grouped=True)["split"]) == {"train", "validation", "test"}
    same = rows.assign(text="All the same")
    with pytest.raises(EmptyDataError, match="Nearly all 12 texts are twins of one another: of 1 different"):
        split_rows(same, grouped=True)


def test_rows_are_split_while_another_thread_loads_transformers(tmp_path):
    # As the real one does, it puts another module in its own place when it is loaded.
    (tmp_path / "transformers.py").write_text(
        "import sys, time, types\n"
        "time.sleep(1)\n"
        "loaded = types.ModuleType(__name__)\n"
        "loaded.PreTrainedTokenizerBase = type('PreTrainedTokenizerBase', (), {})\n"
        "sys.modules[__name__] = loaded\n"
    )
    program = (
        "import sys, threading, time, datasets\n"
        "import pandas as pd\n"
        "from finsent.data.dataset import split_rows\n"
        "assert 'transformers' not in sys.modules\n"
        "threading.Thread(target=lambda: __import__('transformers')).start()\n"
        "while 'transformers' not in sys.modules:\n"
        "    time.sleep(0.01)\n"
        "print(len(split_rows(pd.DataFrame({'row_id': range(20)}))))\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("20\n", 0), done.stderr
