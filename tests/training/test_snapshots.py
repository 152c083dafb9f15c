"""An averaged adapter is the mean of those at late steps, also when the run was killed or stopped in between."""

import pytest
import torch
from safetensors.torch import load_file

from finsent.recipe import change_recipe
from finsent.runs.queue import launch
from finsent.runs.store import RunState
from finsent.training.snapshots import averaged_steps
from tests.runs.test_resume import assert_same_outcome, end_of, killed_and_resumed


def test_the_averaged_steps_are_late_and_even():
    assert averaged_steps(200) == list(range(90, 201, 10))
    assert averaged_steps(12) == [6, 7, 8, 9, 10, 11, 12]
    assert averaged_steps(1) == [1]
    for steps in range(1, 500):
        found = averaged_steps(steps)
        assert found[-1] == steps
        assert 0.4 * steps < found[0]
        assert len(found) == len(set(found)) <= 12


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    """Twelve steps, an evaluation at every second one."""
    return change_recipe(tiny_recipe, {"epochs": 2, "evaluations_per_epoch": 3, "checkpoint": "averaged"})


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory, forked_workers):
    run = end_of(launch(recipe, tmp_path_factory.mktemp("whole")))
    assert run.state == RunState.DONE, run.error
    return run


def test_the_adapter_is_the_mean(whole):
    files = sorted((whole.checkpoints_dir / "averaged").iterdir())
    assert [file.name for file in files] == [f"step-{step:06d}.safetensors" for step in range(6, 13)]
    snapshots = [load_file(file) for file in files]
    last = load_file(whole.checkpoints_dir / "checkpoint-12" / "adapter_model.safetensors")
    kept = load_file(whole.adapter_dir / "adapter_model.safetensors")
    assert kept.keys() == last.keys() == snapshots[0].keys()
    for name, value in kept.items():
        torch.testing.assert_close(value, torch.stack([one[name] for one in snapshots]).mean(0))
        assert snapshots[-1][name].equal(last[name])
        assert not value.equal(last[name])


@pytest.mark.parametrize("moment", ["before this step's checkpoint", "exporting the adapter"])
def test_killed_and_resumed_is_as_never_interrupted(whole, recipe, runs_dir, real_worker, moment):
    assert_same_outcome(whole, killed_and_resumed(recipe, runs_dir, moment))


def test_two_processes_average_alike(recipe, runs_dir, real_worker):
    run = end_of(launch(change_recipe(recipe, {"processes": 2}), runs_dir))
    assert run.state == RunState.DONE, run.error
    snapshots = [load_file(file) for file in sorted((run.checkpoints_dir / "averaged").iterdir())]
    kept = load_file(run.adapter_dir / "adapter_model.safetensors")
    assert len(snapshots) == 7
    for name, value in kept.items():
        torch.testing.assert_close(value, torch.stack([one[name] for one in snapshots]).mean(0))
