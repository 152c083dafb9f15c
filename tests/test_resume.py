"""A run whose process is killed is seen as lost, and resumed it ends with the same adapter, bit for bit."""

import os
import signal
import time

import pandas as pd
import pytest
from safetensors.torch import load_file

from finsent.launcher import follow, launch, resume
from finsent.recipes import change_recipe
from finsent.runs import RunState, read_run

SECONDS = 300


def end_of(run):
    return list(follow(run, interval=0.2))[-1]


@pytest.fixture
def recipe(tiny_recipe):
    return change_recipe(tiny_recipe, {"epochs": 6, "evaluations_per_epoch": 3})


def wait_for(run, moment):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        run = read_run(run.folder)
        if moment(run):
            return run
        assert run.active, f"{run.state}: {run.error}"
        time.sleep(0.01)
    raise TimeoutError(run.state)


MOMENTS = {
    "after a checkpoint": lambda run: len(list(run.checkpoints_dir.glob("checkpoint-*/trainer_state.json"))) >= 2,
    "evaluating": lambda run: run.state == RunState.EVALUATING,
}


def test_killed_and_resumed_is_as_never_interrupted(recipe, runs_dir, real_worker):
    whole = end_of(launch(recipe, runs_dir))
    assert whole.state == RunState.DONE, whole.error
    adapter = load_file(whole.adapter_dir / "adapter_model.safetensors")
    tuned = pd.read_parquet(whole.predictions_file("tuned"))
    for moment in MOMENTS.values():
        run = wait_for(launch(recipe, runs_dir), moment)
        os.kill(run.pid, signal.SIGKILL)
        lost = end_of(run)
        assert lost.state == RunState.LOST
        assert lost.error
        run = end_of(resume(lost))
        assert run.state == RunState.DONE, run.error
        again = load_file(run.adapter_dir / "adapter_model.safetensors")
        assert all(adapter[name].equal(again[name]) for name in adapter)
        pd.testing.assert_frame_equal(tuned, pd.read_parquet(run.predictions_file("tuned")))
