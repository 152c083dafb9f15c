"""A group's verdict from its members' judged rows, with intervals that know of rows and seeds."""

import pytest

from finsent.errors import RunStateError
from finsent.evaluation.groups import evaluate_group, judged_members, seeds_sentences, seeds_table
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.figures_json import to_json
from finsent.metrics.wording import verdict_sentences
from finsent.recipe import change_recipe
from finsent.runs.groups import groups_of
from finsent.runs.store import list_runs, update_run
from tests.predictions import made_pair, made_run


def made_group(runs_dir, gains, n=160):
    """Return a group of finished runs, one a gain, on the same rows with the same baseline, and their tuned tables."""
    baseline, _ = made_pair(n)
    tables = [made_pair(n, gain=gain)[1] for gain in gains]
    runs = [made_run(runs_dir, baseline, table) for table in tables]
    about = {"id": "seeds-0a1b2c", "name": "luck", "members": tuple(run.id for run in runs)}
    for place, run in enumerate(runs):
        update_run(run.folder, group=about, recipe=change_recipe(run.recipe, {"seed": 42 + place}))
    (group,) = groups_of(list_runs(runs_dir))
    return group, tables


def test_each_seeds_figures_the_mean_and_one_verdict(runs_dir):
    group, tables = made_group(runs_dir, (1.2, 0.9, 1.5))
    found = evaluate_group(group)
    assert (found.seeds, found.n, found.runs) == ([42, 43, 44], 160, [run.id for run in group.runs])
    assert found.of("accuracy").values == [evaluate_predictions(table).accuracy for table in tables]
    assert found.verdict.accuracy.after == pytest.approx(found.of("accuracy").mean)
    assert (found.verdict.runs, found.verdict.kind) == (3, "better")
    words = " ".join(verdict_sentences(found.verdict))
    assert "training luck of 3 seeds" in words
    assert "This is one run" not in words
    assert "The seed alone moves accuracy from" in seeds_sentences(found)[0]
    table = seeds_table(found)
    assert table.loc[0, ["figure", "n"]].tolist() == ["accuracy", 160]
    assert {"baseline", "seed 42", "seed 43", "seed 44", "mean", "spread"} <= set(table)
    assert to_json(found)["figures"][0]["figure"] == "accuracy"


def test_seeds_that_lie_far_apart_settle_nothing_that_one_of_them_would(runs_dir):
    group, _ = made_group(runs_dir, (1.6, -0.8))
    found = evaluate_group(group)
    assert found.verdict.kind == "unsettled"
    assert found.of("accuracy").ci.high - found.of("accuracy").ci.low > 0.3
    assert "Two seeds say little" in seeds_sentences(found)[-1]


def test_one_judged_seed_is_not_a_group_yet(runs_dir):
    group, _ = made_group(runs_dir, (1.2, 0.9))
    group.runs[1].predictions_file("tuned").unlink()
    assert judged_members(group) == [group.runs[0]]
    with pytest.raises(RunStateError, match="1 of 2 seeds"):
        evaluate_group(group)
