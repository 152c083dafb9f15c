"""A soup keeps the mean of several adapters' updates, each trained from a start of its own."""

from types import SimpleNamespace

import pytest
import torch
from peft import get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file

from finsent.averaging import averaged_steps, give_mean
from finsent.errors import RecipeError
from finsent.launcher import launch
from finsent.models import load_base
from finsent.recipes import change_recipe
from finsent.runs import RunState
from finsent.soup import start_anew
from finsent.telemetry import curve, read_curves
from finsent.training import lora_config
from tests.test_resume import assert_same_outcome, end_of, killed_and_resumed


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    """Two adapters of six steps each, a look at every second one."""
    return change_recipe(tiny_recipe, {"evaluations_per_epoch": 3, "checkpoint": "averaged", "soup": 2})


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    run = end_of(launch(recipe, tmp_path_factory.mktemp("whole")))
    assert run.state == RunState.DONE, run.error
    assert run.steps == 12
    return run


def updates(adapter, scaling):
    """Return each layer's update, scaling times B times A."""
    first = ".lora_A.weight"
    layers = [name.removesuffix(first) for name in adapter if name.endswith(first)]
    return {layer: scaling * adapter[f"{layer}.lora_B.weight"] @ adapter[layer + first] for layer in layers}


def mean_of(adapters):
    return {name: torch.stack([one[name] for one in adapters]).mean(0) for name in adapters[0]}


def snapshots(run, steps):
    return [load_file(run.checkpoints_dir / "averaged" / f"step-{step:06d}.safetensors") for step in steps]


def test_the_steps_of_each_adapter_are_averaged():
    assert averaged_steps(40, soup=2) == [*range(9, 21), *range(29, 41)]


def test_the_kept_update_is_the_mean(whole, recipe):
    kept = load_file(whole.adapter_dir / "adapter_model.safetensors")
    scaling = recipe.lora_alpha / recipe.lora_rank
    both = [updates(mean_of(snapshots(whole, steps)), scaling) for steps in (range(3, 7), range(9, 13))]
    expected = mean_of(both)
    got = updates(kept, scaling)
    assert got.keys() == expected.keys()
    for layer, value in expected.items():
        torch.testing.assert_close(got[layer], value)
        assert not torch.allclose(both[0][layer], both[1][layer])
    assert all(value.shape[0] == 2 * recipe.lora_rank for name, value in kept.items() if "lora_A" in name)


def test_each_adapter_goes_through_the_whole_schedule(whole, recipe):
    rates = curve(read_curves(whole.folder), "train/learning_rate")["value"].tolist()
    assert rates[:6] == pytest.approx(rates[6:])
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[5] < rates[1]


def test_an_adapter_starts_as_the_first_did(whole):
    """Its first step's loss is again that of a model that knows nothing of the texts."""
    losses = curve(read_curves(whole.folder), "train/loss")["value"].tolist()
    assert losses[6] > max(losses[4:6])
    assert losses[6] == pytest.approx(losses[0], rel=0.2)


@pytest.mark.parametrize("moment", ["before this step's checkpoint", "exporting the adapter"])
def test_killed_and_resumed_is_as_never_interrupted(whole, recipe, runs_dir, real_worker, moment):
    """The first moment is after the start of the second adapter and before its first checkpoint."""
    assert_same_outcome(whole, killed_and_resumed(recipe, runs_dir, moment))


@pytest.mark.parametrize(("step", "finished"), [(5, 0), (6, 1), (8, 1), (12, 2)])
def test_a_stopped_run_keeps_the_adapters_that_are_finished(whole, recipe, step, finished):
    model = get_peft_model(load_base(recipe.model)[0], lora_config(recipe))
    before = {name: value.clone() for name, value in get_peft_model_state_dict(model).items()}
    state = SimpleNamespace(global_step=step, max_steps=12)
    assert give_mean(model, whole.checkpoints_dir / "averaged", state, recipe.soup) == finished
    after = get_peft_model_state_dict(model)
    match finished:
        case 0:
            expected = before
        case 1:
            expected = mean_of(snapshots(whole, range(3, 7)))
        case _:
            expected = load_file(whole.adapter_dir / "adapter_model.safetensors")
    assert after.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(after[name], value)


def test_a_start_depends_on_its_seed_alone(recipe):
    model = get_peft_model(load_base(recipe.model)[0], lora_config(recipe))
    starts = []
    for seed, state_before in ((1, 5), (1, 6), (2, 5)):
        torch.manual_seed(state_before)
        expected = torch.random.get_rng_state()
        start_anew(model, seed)
        assert torch.random.get_rng_state().equal(expected)
        starts.append({name: value.clone() for name, value in get_peft_model_state_dict(model).items()})
    for name, value in starts[0].items():
        assert value.equal(starts[1][name])
        assert bool(value.any()) == ("lora_A" in name)
        assert value.equal(starts[2][name]) == ("lora_B" in name)


def test_two_processes_make_one_soup(recipe, runs_dir, real_worker):
    run = end_of(launch(change_recipe(recipe, {"processes": 2}), runs_dir))
    assert run.state == RunState.DONE, run.error
    scaling = recipe.lora_alpha / recipe.lora_rank
    both = [updates(mean_of(snapshots(run, steps)), scaling) for steps in (range(3, 7), range(9, 13))]
    got = updates(load_file(run.adapter_dir / "adapter_model.safetensors"), scaling)
    for layer, value in mean_of(both).items():
        torch.testing.assert_close(got[layer], value)


def test_a_soup_is_averaged(tiny_recipe):
    with pytest.raises(RecipeError, match="set checkpoint to averaged, or soup to 1"):
        change_recipe(tiny_recipe, {"soup": 2})
