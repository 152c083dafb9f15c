"""Early stopping ends a run that gains nothing, keeps the best adapter, and is not undone by a killed worker."""

import pytest
from safetensors.torch import load_file

from finsent.early_stopping import looks_without_gain
from finsent.errors import RecipeError
from finsent.launcher import launch
from finsent.recipes import change_recipe
from finsent.runs import RunState
from tests.test_resume import assert_same_outcome, end_of, killed_and_resumed


@pytest.mark.parametrize(
    ("scores", "looks"), [([], 0), ([0.2], 0), ([0.2, 0.3], 0), ([0.3, 0.2, 0.3], 2), ([0.1, 0.4, 0.2, 0.3], 2)]
)
def test_looks_since_the_first_best_one(scores, looks):
    history = [{"loss": 1.0}, *({"eval_macro_f1": score} for score in scores)]
    assert looks_without_gain(history) == looks


def test_it_needs_the_best_checkpoint(tiny_recipe):
    with pytest.raises(RecipeError, match="early_stopping"):
        change_recipe(tiny_recipe, {"early_stopping": 1, "checkpoint": "last"})


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    """So small a learning rate that no label changes: after two steps a look, the third look is one too many."""
    changes = {"epochs": 4, "evaluations_per_epoch": 3, "learning_rate": 1e-9, "early_stopping": 2}
    return change_recipe(tiny_recipe, changes)


@pytest.fixture(scope="module")
def ended(recipe, tmp_path_factory):
    return end_of(launch(recipe, tmp_path_factory.mktemp("ended")))


def test_a_run_without_gain_ends_early_as_done(ended):
    assert ended.state == RunState.DONE, ended.error
    assert ended.steps == 6
    assert ended.measured["ended_early"]
    assert ended.measured["best_step"] == 2
    best = load_file(ended.checkpoints_dir / "checkpoint-2" / "adapter_model.safetensors")
    kept = load_file(ended.adapter_dir / "adapter_model.safetensors")
    assert all(kept[name].equal(best[name]) for name in kept)


@pytest.mark.parametrize("moment", ["before this step's checkpoint", "exporting the adapter"])
def test_killed_and_resumed_it_ends_at_the_same_step(ended, recipe, runs_dir, real_worker, moment):
    if moment.startswith("before"):
        # The moment comes at step 8, which this run only reaches with more patience.
        longer = change_recipe(recipe, {"early_stopping": 4})
        whole = end_of(launch(longer, runs_dir))
        assert whole.steps == 10
    else:
        longer, whole = recipe, ended
    run = killed_and_resumed(longer, runs_dir, moment)
    assert run.measured["ended_early"]
    assert_same_outcome(whole, run)


def test_a_run_that_was_not_ended_early_says_so(tiny_recipe, runs_dir, real_worker):
    run = end_of(launch(change_recipe(tiny_recipe, {"early_stopping": 50}), runs_dir))
    assert run.state == RunState.DONE, run.error
    assert run.steps == 6
    assert not run.measured["ended_early"]
