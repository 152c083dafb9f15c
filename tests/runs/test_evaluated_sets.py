"""The sets of rows that a run was judged on: kept beside the run, listed, and never taken from outside its folder."""

import pytest

from finsent.errors import RunError, RunStateError
from finsent.recipe import get_recipe
from finsent.runs.evaluated_sets import OWN, forget_judged, judged_pair, judged_sets, save_judged
from finsent.runs.store import create_run
from tests.predictions import made_pair, made_run, twelve

FINGERPRINT = "0123456789abcdef" * 4


def test_another_set_stands_beside_the_own_one(runs_dir):
    run = made_run(runs_dir, *made_pair(40, validation=10))
    key = save_judged(run, "other.csv", FINGERPRINT, *twelve())
    assert judged_sets(run) == {OWN: "its own test split", key: "other.csv"}
    assert [len(table) for table in judged_pair(run)] == [30, 30]
    for kept, given in zip(judged_pair(run, key), twelve(), strict=True):
        assert kept["predicted"].tolist() == given["predicted"].tolist()


def test_the_same_rows_judged_again_take_the_place_of_the_first(runs_dir):
    run = made_run(runs_dir, *made_pair(40, validation=10))
    baseline, tuned = twelve()
    save_judged(run, "first.csv", FINGERPRINT, baseline, baseline)
    key = save_judged(run, "second.csv", FINGERPRINT, baseline, tuned)
    assert judged_sets(run) == {OWN: "its own test split", key: "second.csv"}
    assert judged_pair(run, key)[1]["predicted"].tolist() == tuned["predicted"].tolist()


def test_what_a_replaced_adapter_answered_is_forgotten(runs_dir):
    run = made_run(runs_dir, *made_pair(40, validation=10))
    save_judged(run, "other.csv", FINGERPRINT, *twelve())
    forget_judged(run)
    assert judged_sets(run) == {}
    assert not run.evaluation_file.exists()
    # The base model has not changed.
    assert run.predictions_file("baseline").is_file()
    forget_judged(run)


@pytest.mark.parametrize("key", ["..", "../..", "abc", "0" * 12, "/etc"])
def test_a_key_that_was_not_judged_is_refused(runs_dir, key: str):
    run = made_run(runs_dir, *made_pair(40, validation=10))
    with pytest.raises(RunError, match="was not judged"):
        judged_pair(run, key)


def test_a_run_without_its_own_predictions_says_so(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    assert judged_sets(run) == {}
    with pytest.raises(RunStateError, match="queued"):
        judged_pair(run)
    key = save_judged(run, "other.csv", FINGERPRINT, *twelve())
    assert len(judged_pair(run, key)[0]) == 12
