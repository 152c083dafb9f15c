"""A run whose process is killed is seen as lost, and resumed it ends with the same adapter, bit for bit."""

import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from finsent.recipe import Recipe, change_recipe, get_recipe
from finsent.runs.queue import follow, launch, resume
from finsent.runs.store import Run, RunState
from tests.killing_worker import MOMENTS


def end_of(run: Run) -> Run:
    return list(follow(run, interval=0.2))[-1]


def seen_off(run: Run) -> None:
    """Wait until the launcher is done with a run's process: whoever waits next would be started as that one was."""
    for thread in threading.enumerate():
        if thread.name == f"run-{run.id}":
            thread.join(timeout=60)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    """Twelve steps, three checkpoints in each epoch of six steps."""
    return change_recipe(tiny_recipe, {"epochs": 2, "evaluations_per_epoch": 3})


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory, forked_workers) -> Run:
    """A run that nothing interrupted."""
    run = end_of(launch(recipe, tmp_path_factory.mktemp("whole")))
    assert run.state == RunState.DONE, run.error
    assert run.steps == 12
    return run


def assert_same_outcome(whole: Run, run: Run) -> None:
    """The same steps, adapter, predictions and figures, bit for bit."""
    assert run.steps == whole.steps
    adapter, again = (load_file(one.adapter_dir / "adapter_model.safetensors") for one in (whole, run))
    assert adapter.keys() == again.keys()
    assert all(adapter[name].equal(again[name]) for name in adapter)
    for model in ("baseline", "tuned"):
        tables = (pd.read_parquet(one.predictions_file(model)) for one in (whole, run))
        pd.testing.assert_frame_equal(*tables)
    assert run.evaluation_file.read_text() == whole.evaluation_file.read_text()


def killed_and_resumed(recipe: Recipe, runs_dir: Path, moment: str) -> Run:
    """Return the finished run of a recipe whose first worker killed itself at a moment."""
    killing = (sys.executable, "-m", "tests.killing_worker", moment)
    lost = end_of(launch(recipe, runs_dir, command=killing))
    assert lost.state == RunState.LOST
    assert lost.error
    seen_off(lost)
    run = end_of(resume(lost))
    assert run.state == RunState.DONE, run.error
    return run


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_is_as_never_interrupted(whole, recipe, runs_dir, real_worker, moment):
    assert_same_outcome(whole, killed_and_resumed(recipe, runs_dir, moment))


@pytest.mark.model
def test_the_embedded_model_killed_and_resumed_is_as_never_interrupted(runs_dir, real_worker, forked_workers):
    changes = {"rows": 12, "batch_size": 2, "validation_rows": 8, "test_rows": 8, "evaluations_per_epoch": 2}
    recipe = change_recipe(get_recipe("quick"), changes)
    whole = end_of(launch(recipe, runs_dir / "whole"))
    assert whole.state == RunState.DONE, whole.error
    killing = (sys.executable, "-m", "tests.killing_worker", "between two checkpoints")
    lost = end_of(launch(recipe, runs_dir / "killed", command=killing))
    assert lost.state == RunState.LOST
    assert [path.name for path in lost.checkpoints_dir.glob("checkpoint-*")] == ["checkpoint-3"]
    seen_off(lost)
    run = end_of(resume(lost))
    assert run.state == RunState.DONE, run.error
    assert_same_outcome(whole, run)
