"""A run's answers on rows of a data set: found by the hash of the data, the row's id and its text, never by guess."""

import pytest

from finsent.data.dataset import load_data, split_rows
from finsent.evaluation.row_answers import ANSWERS, sets_on, with_answers
from finsent.runs.evaluated_sets import OWN, save_judged
from finsent.runs.store import update_run
from tests.predictions import answered, made_run, twelve


@pytest.fixture(scope="module")
def data(small_csv):
    return load_data(str(small_csv))


@pytest.fixture(scope="module")
def rows(data):
    return split_rows(data.rows)


@pytest.fixture
def run(data, rows, runs_dir):
    """A run that judged the test rows of the data: the baseline says positive, the tuned model neutral."""
    test = rows[rows["split"] == "test"]
    run = made_run(runs_dir, answered(test, "positive"), answered(test, "neutral"))
    return update_run(run.folder, source_hash=data.fingerprint)


def test_rows_that_were_judged_have_both_answers_and_what_became_of_them(data, rows, run):
    assert sets_on(run, data.fingerprint) == [OWN]
    table = with_answers(rows, run, data.fingerprint)
    assert table["row_id"].tolist() == rows["row_id"].tolist()
    judged = table["split"] == "test"
    assert (table.loc[judged, "baseline"] == "positive").all() and (table.loc[judged, "tuned"] == "neutral").all()
    became = {"positive": "broken", "neutral": "fixed", "negative": "still wrong"}
    assert table.loc[judged, "transition"].tolist() == table.loc[judged, "label"].map(became).tolist()
    assert (table.loc[~judged, list(ANSWERS)] == "").all(axis=None)


def test_another_data_set_has_none_although_ids_are_the_same(data, rows, run):
    other = "0" * 64
    assert sets_on(run, other) == []
    assert (with_answers(rows, run, other)[list(ANSWERS)] == "").all(axis=None)
    assert (with_answers(rows, None, data.fingerprint)[list(ANSWERS)] == "").all(axis=None)


def test_a_row_with_another_text_has_none(data, rows, run):
    changed = rows.assign(text=rows["text"] + "!")
    assert (with_answers(changed, run, data.fingerprint)[list(ANSWERS)] == "").all(axis=None)


def test_a_set_that_was_judged_since_adds_its_rows_and_its_own_rows_stay(data, rows, run):
    save_judged(run, data.title, data.fingerprint, answered(rows, "negative"), answered(rows, "negative"))
    table = with_answers(rows, run, data.fingerprint)
    assert (table.loc[table["split"] == "test", "tuned"] == "neutral").all()
    assert (table.loc[table["split"] != "test", "tuned"] == "negative").all()


def test_a_run_on_other_data_that_was_judged_on_these_has_answers(data, rows, runs_dir):
    run = made_run(runs_dir, *twelve())
    assert sets_on(run, data.fingerprint) == []
    key = save_judged(run, data.title, data.fingerprint, answered(rows, "negative"), answered(rows, "neutral"))
    assert sets_on(run, data.fingerprint) == [key]
    assert (with_answers(rows, run, data.fingerprint)["tuned"] == "neutral").all()
