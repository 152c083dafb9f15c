"""Mending on the command line: doubtful labels, decisions about them, and what a child run changed."""

import pandas as pd
import pytest

from finsent.data.prepared import prepare
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.origin import Origin
from finsent.runs.store import create_run, list_runs, update_run
from tests.predictions import made_predictions, made_run


@pytest.fixture
def run(runs_dir, small_csv):
    """A run of the small file that was not trained."""
    recipe = change_recipe(get_recipe("quick"), {"source": str(small_csv), "validation_rows": 8})
    run = create_run(recipe, runs_dir)
    return update_run(run.folder, state="failed", source_hash=prepare(recipe).source_hash)


def test_doubtful_labels_are_listed_and_written(run_json, run, tmp_path):
    file = tmp_path / "suspects.csv"
    found = run_json("suspects", "latest", "--csv", str(file))
    assert found["n"] >= 100
    assert len(pd.read_csv(file)) == len(found["rows"])
    assert all(row["label"] != row["likely"] and row["evidence"] == "words" for row in found["rows"])
    test = run_json("suspects", "latest", "--split", "test")["rows"]
    assert {row["split"] for row in test} <= {"test"}


def test_decisions_are_saved_listed_taken_back_and_taken_over(run_json, refused, run, tmp_path):
    rows = prepare(run.recipe)
    train, test = rows.train.iloc[0], rows.test.iloc[0]
    new = "negative" if train["label"] == "positive" else "positive"
    saved = run_json("correct", "latest", train["row_id"], "--label", new, "--reason", "a result")
    assert (saved["version"], saved["counts"]["change"]) == (1, 1)
    assert run_json("correct", "latest", test["row_id"], "--flag")["counts"]["flag"] == 1
    file = tmp_path / "mine.csv"
    listed = run_json("corrections", "latest", "--csv", str(file))
    assert [row["decision"] for row in listed["rows"]] == ["change", "flag"]
    assert listed["rows"][0]["reason"] == "a result"
    assert run_json("correct", "latest", "--undo")["counts"] == {"keep": 0, "change": 1, "drop": 0, "flag": 0}
    assert run_json("correct", "latest", "--file", str(file))["version"] == 4
    assert "never changed" in refused("correct", "latest", test["row_id"], "--drop")
    assert "no row" in refused("correct", "latest", "nobody", "--keep")
    assert "one of --keep" in refused("correct", "latest", train["row_id"])
    assert "one of --keep" in refused("correct", "latest", train["row_id"], "--keep", "--drop")
    file.write_text(file.read_text(encoding="utf-8-sig").replace(new, "bearish"))
    assert "Line 2" in refused("correct", "latest", "--file", str(file))
    assert run_json("corrections", "latest")["version"] == 4


def test_what_a_child_changed_is_told(run_json, refused, runs_dir):
    gold = ["neutral"] * 12 + ["positive"] * 8
    baseline, before = made_predictions(gold, ["positive"] * 20), made_predictions(gold, ["positive"] * 20)
    parent = made_run(runs_dir, baseline, before, name="first")
    assert "continues no run" in refused("verify", parent.id)
    child = made_run(runs_dir, baseline, made_predictions(gold, gold), name="child")
    update_run(child.folder, origin=Origin(parent=parent.id))
    found = run_json("verify", "child")
    assert (found["parent"], found["verdict"]["kind"], found["n"]) == (parent.id, "better", 20)
    assert found["counts"]["mended"] == len(found["changed"]) == 12
    assert found["sentences"][0].startswith("This run is better than its parent: accuracy")
    facts = run_json("show", "child")["facts"]
    assert facts["continues"] == parent.id


def test_a_run_that_cannot_begin_like_this_leaves_nothing(refused, run, tmp_path, runs_dir):
    assert "no adapter" in refused("train", "--from", "latest")
    assert "--repair goes with" in refused("train", "--repair", "x.csv")
    assert "--replay goes with" in refused("train", "--replay", "3")
    assert "Nothing was corrected" in refused("train", "--like", "latest", "--corrections")
    mine = tmp_path / "mine.csv"
    mine.write_text("row_id,decision\n")
    assert "has no column" in refused("train", "--like", "latest", "--corrections", str(mine))
    assert len(list_runs(runs_dir)) == 1


def test_the_cost_is_that_of_the_corrected_rows(run_json, run):
    train = prepare(run.recipe).train
    for row in train["row_id"].head(3):
        run_json("correct", "latest", row, "--drop")
    cost = run_json("train", "--like", "latest", "--corrections", "--estimate")
    assert cost["rows"]["train"] == len(train) - 3
