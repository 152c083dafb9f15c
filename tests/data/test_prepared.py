"""A recipe's data prepared once: the rows it draws, their hash, what the checks found."""

import dataclasses

import pandas as pd
import pytest

from finsent.data import dataset
from finsent.data.checks import find_issues
from finsent.data.dataset import load_data, split_rows
from finsent.data.prepared import DRAWING, draw, prepare
from finsent.recipe import change_recipe, get_recipe


@pytest.fixture
def readings(monkeypatch):
    """The paths of the files that were read as sources, one entry a reading."""
    seen = []
    read = dataset.local_table
    monkeypatch.setattr(dataset, "local_table", lambda path: seen.append(path.name) or read(path))
    return seen


def recipe(small_csv, **changes):
    return change_recipe(get_recipe("quick"), {"source": str(small_csv), "batch_size": 8} | changes)


def test_it_holds_the_table_its_split_and_the_rows_that_the_recipe_asks_for(small_csv):
    prepared = prepare(recipe(small_csv, rows=40, validation_rows=8, test_rows=None))
    data = load_data(str(small_csv))
    assert (prepared.title, prepared.source_hash) == (data.title, data.fingerprint)
    pd.testing.assert_frame_equal(prepared.rows, split_rows(data.rows))
    assert prepared.counts == {"train": 40, "validation": 8, "test": 12}
    assert prepared.judged["split"].tolist() == ["validation"] * 8 + ["test"] * 12
    assert prepared.findings == find_issues(prepared.rows)


def test_the_test_rows_stay_the_same_however_many_are_trained_on(small_csv):
    few, all_ = prepare(recipe(small_csv, rows=16)), prepare(recipe(small_csv))
    assert few.test["row_id"].tolist() == all_.test["row_id"].tolist()
    assert set(few.train["row_id"]) < set(all_.train["row_id"])


def test_findings_are_looked_for_once_and_nothing_else_can_be_changed(small_csv):
    prepared = prepare(recipe(small_csv))
    assert prepared.findings is prepared.findings
    with pytest.raises(dataclasses.FrozenInstanceError):
        prepared.rows = None


def test_the_source_is_read_once(small_csv, readings):
    prepared = prepare(recipe(small_csv))
    assert (prepared.counts, prepared.judged, prepared.findings) is not None
    assert readings == ["small.csv"]
    draw(recipe(small_csv, rows=16), prepared.data)
    assert readings == ["small.csv"]


def test_no_other_settings_decide_what_is_prepared_than_those_it_is_kept_by(small_csv):
    asked = set()

    class Asked:
        def __getattr__(self, name):
            asked.add(name)
            return getattr(recipe(small_csv), name)

    prepare(Asked())
    assert asked == DRAWING
