"""Shared baselines: a damaged one is recognised, dropped and made anew."""

import pandas as pd
import pytest

from finsent.inference.predictions import load_predictions
from finsent.runs import worker
from finsent.runs.baselines import read_shared, shared_file
from finsent.runs.store import RunState, create_run, load_run
from tests.predictions import made_pair


def cut(file):
    file.write_bytes(file.read_bytes()[:200])


def emptied(file):
    file.write_bytes(b"")


def changed(change):
    return lambda file: change(pd.read_parquet(file)).to_parquet(file)


DAMAGE = {
    "cut off": (cut, "cannot be read"),
    "empty": (emptied, "cannot be read"),
    "other columns": (changed(lambda table: table.drop(columns="logp_neutral")), "no column logp_neutral"),
    "fewer rows": (changed(lambda table: table.head(3)), "other rows"),
    "another order": (changed(lambda table: table.iloc[::-1]), "other rows"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_baseline_is_recognised(tmp_path, damage):
    spoil, words = DAMAGE[damage]
    file, table = tmp_path / "key.parquet", made_pair(12)[0]
    assert read_shared(file, table) == (None, "")
    table.to_parquet(file)
    assert read_shared(file, table)[1] == ""
    spoil(file)
    assert read_shared(file, table)[0] is None
    assert words in read_shared(file, table)[1]


def test_a_damaged_baseline_fails_no_run_and_is_made_anew(tiny_recipe, runs_dir, capsys):
    runs = []
    for round_ in range(3):
        runs.append(create_run(tiny_recipe, runs_dir))
        assert worker.main(runs[-1].folder) == 0, load_run(runs_dir, runs[-1].id).error
        first = load_run(runs_dir, runs[0].id)
        shared = shared_file(runs_dir, first.baseline_key)
        said = capsys.readouterr().out
        assert ("cannot be read" in said and "; it is made anew" in said) == (round_ == 1)
        assert ("scored before; taken from there" in said) == (round_ == 2)
        if round_ == 0:
            cut(shared)
    one, *others = [load_run(runs_dir, run.id) for run in runs]
    assert {run.state for run in (one, *others)} == {RunState.DONE}
    for run in others:
        assert run.baseline_key == one.baseline_key
        pd.testing.assert_frame_equal(*(load_predictions(each.predictions_file("baseline")) for each in (one, run)))
    pd.testing.assert_frame_equal(load_predictions(shared), load_predictions(one.predictions_file("baseline")))
