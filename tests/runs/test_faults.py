"""What goes wrong inside a worker is told in words, and once it is put right the run goes on as if nothing had been."""

import subprocess
import sys

import pytest

from finsent.recipe import change_recipe, get_recipe
from finsent.runs.queue import launch, resume
from finsent.runs.store import RunState, list_runs, log_tail
from tests.runs.test_resume import assert_same_outcome, end_of, recipe, seen_off, whole

__all__ = ["recipe", "whole"]


def faulty(fault):
    return (sys.executable, "-m", "tests.faulty_worker", fault)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, a little larger than a run asks for."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=208m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk takes rights that this user does not have")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def failed(recipe, runs_dir, fault):
    run = end_of(launch(recipe, runs_dir, command=faulty(fault)))
    seen_off(run)
    assert run.state == RunState.FAILED, run.error
    assert "Traceback" in log_tail(run, lines=200)
    assert "\n" not in run.error
    return run


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("NaN loss", "At step 4 the gradient norm is nan: the loss is no longer a finite number. Lower learning_rate"),
        ("zero gradients", "At step 4 the gradient norm is 0: nothing is being trained."),
    ],
)
def test_a_loss_gone_wrong_fails_in_words_and_the_run_goes_on(whole, recipe, runs_dir, real_worker, fault, words):
    run = failed(recipe, runs_dir, fault)
    assert run.error.startswith(words)
    again = end_of(resume(run))
    assert again.state == RunState.DONE, again.error
    assert_same_outcome(whole, again)


def test_a_full_disk_fails_in_words_and_with_room_the_run_goes_on(whole, recipe, small_disk, real_worker):
    run = failed(recipe, small_disk, "full disk")
    assert "Free some room" in run.error
    assert not run.has_adapter
    assert [one.id for one in list_runs(small_disk)] == [run.id]
    (small_disk / "ballast").unlink()
    again = end_of(resume(run))
    assert again.state == RunState.DONE, again.error
    assert_same_outcome(whole, again)
    assert not list(again.folder.glob(".reserve"))


@pytest.mark.model
def test_too_little_memory_fails_with_settings_that_hold_less(runs_dir, real_worker):
    changes = {"rows": 64, "batch_size": 64, "validation_rows": 8, "test_rows": 8}
    run = failed(change_recipe(get_recipe("quick"), changes), runs_dir, "little memory")
    assert run.error.startswith("There is not enough memory for these settings.")
    assert "With batch_size=32 with gradient_accumulation=2 it holds" in run.error
    assert not run.has_adapter
