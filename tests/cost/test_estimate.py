"""Estimates: counts as the trainer makes them, times from measured speed alone."""

from datetime import UTC, datetime, timedelta

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.cost.estimate import estimate_continued, estimate_run, in_words
from finsent.cost.pace import evaluations
from finsent.cost.speed import measured_speed
from finsent.machine import hardware
from finsent.recipe import change_recipe, get_recipe, total_steps
from finsent.runs.store import RunState, create_run, update_run

QUICK = get_recipe("quick")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def finished(runs_dir):
    """80 rows in 10 steps of 2 s, 2 evaluations of 4 s at 20 rows, 30 rows scored in 6 s, 5 s of preparation."""
    recipe = change_recipe(QUICK, {"evaluations_per_epoch": 2, "logging_steps": 1})
    run = create_run(recipe, runs_dir)
    stations = {"preparing": 0, "baseline": 5, "training": 11, "evaluating": 39}
    writer = EventFileWriter(str(run.tensorboard_dir))
    for step in range(1, 11):
        time = START.timestamp() + 11 + 2 * step + (4 if step > 5 else 0)
        summary = Summary(value=[Summary.Value(tag="train/loss", simple_value=1.0)])
        writer.add_event(Event(wall_time=time, step=step, summary=summary))
    for step in (5, 10):
        summary = Summary(value=[Summary.Value(tag="eval/loss", simple_value=1.0)])
        writer.add_event(Event(wall_time=START.timestamp() + 11 + 4 * step, step=step, summary=summary))
    writer.close()
    return update_run(
        run.folder,
        state="done",
        started=START,
        ended=START + timedelta(seconds=45),
        entered={state: START + timedelta(seconds=second) for state, second in stations.items()},
        steps=10,
        splits={"train": 80, "validation": 20, "test": 10},
        hardware=hardware(),
        measured={"peak_memory_bytes": 10**9},
    )


def test_steps_are_those_of_the_trainer():
    assert total_steps(QUICK, 1049) == 132
    assert total_steps(get_recipe("tutorial"), 35_367) == 885 * 10
    assert total_steps(change_recipe(QUICK, {"epochs": 0.5}), 16) == 1


def test_evaluations_count_the_last_step():
    assert evaluations(QUICK, 1049) == 3
    assert evaluations(change_recipe(QUICK, {"evaluations_per_epoch": 3}), 80) == 3


def test_speed_is_what_was_measured(finished):
    speed = measured_speed(finished)
    assert speed.preparing == 5
    assert speed.train_row == pytest.approx(2 / 8)
    assert speed.validation_row == pytest.approx((28 - 20) / (2 * 20))
    assert speed.score_row == pytest.approx(6 / 30)


def test_the_same_run_again_is_estimated_at_what_it_took(finished):
    estimate = estimate_run(finished.recipe, finished.splits, [finished], finished.folder.parent)
    assert estimate.seconds == pytest.approx(45)
    assert estimate.steps == 10
    assert estimate.speed.basis == f"run {finished.id}"


def test_twice_the_rows_cost_twice_the_training(finished):
    once = estimate_run(finished.recipe, finished.splits, [finished], finished.folder.parent)
    twice = estimate_run(finished.recipe, finished.splits | {"train": 160}, [finished], finished.folder.parent)
    assert twice.seconds - once.seconds == pytest.approx(80 * 0.25)


@pytest.mark.parametrize("changes", [{"state": RunState.STOPPED}, {"hardware": {"cores": 512}}, {"entered": {}}])
def test_without_a_measurement_there_is_no_number(finished, changes):
    other = finished.model_copy(update=changes)
    assert estimate_run(finished.recipe, finished.splits, [other], finished.folder.parent) is None


def test_another_model_is_no_measurement(finished):
    recipe = change_recipe(finished.recipe, {"model": "qwen3-0.6b"})
    assert estimate_run(recipe, finished.splits, [finished], finished.folder.parent) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (45, "45 s"),
        (200, "3 min 20 s"),
        (1500, "25 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


def test_a_run_that_continues_another_costs_what_its_own_rows_do(finished):
    recipe = change_recipe(finished.recipe, {"epochs": 1})
    everything = estimate_continued(finished, recipe, None, 3)
    assert everything == estimate_run(recipe, finished.splits, [finished], finished.folder.parent)
    # Ten rows and three ordinary ones for each are 40 of the parent's 80; of 90 there are 80 and the ten.
    for replay, rows in ((3, 40), (9, 90)):
        cost = estimate_continued(finished, recipe, 10, replay)
        assert cost.steps == total_steps(recipe, rows)
        assert cost.seconds == pytest.approx(
            estimate_run(recipe, finished.splits | {"train": rows}, [finished], finished.folder.parent).seconds
        )


def test_a_run_that_has_measured_nothing_promises_nothing(finished):
    assert estimate_continued(finished, finished.recipe, None, 3, lambda run: None) is None
    brought_in = finished.model_copy(update={"splits": {}})
    assert estimate_continued(brought_in, finished.recipe, 10, 3) is None
