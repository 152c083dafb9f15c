"""Calibration: what it measures is kept for these settings on this machine, and failures are one sentence."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from finsent.cost import measured_memory, speed
from finsent.cost.estimate import estimate_run, evaluations
from finsent.cost.measured_memory import MeasuredStep
from finsent.cost.speed import Speed, calibrate, kept_calibration
from finsent.errors import FinsentError, SourceNotFoundError
from finsent.machine import hardware
from finsent.recipe import change_recipe, get_recipe
from tests.at_work import run_at_work


@pytest.fixture
def recipe(tiny_llama):
    changes = {"model": str(tiny_llama), "rows": 32, "validation_rows": 16, "test_rows": 16}
    return change_recipe(get_recipe("quick"), changes)


def test_a_calibration_measures_is_kept_and_is_the_estimates_basis(recipe, runs_dir):
    measured = calibrate(recipe, runs_dir)
    assert measured.preparing > 0 and measured.train_row > 0 and measured.score_row > 0 and measured.validation_row > 0
    assert measured.peak_memory_bytes > 10**7
    assert kept_calibration(recipe, runs_dir) == measured
    # Settings that do not change the speed keep it; those that do need a measurement of their own.
    assert kept_calibration(change_recipe(recipe, {"learning_rate": 1e-3, "epochs": 3}), runs_dir) == measured
    assert kept_calibration(change_recipe(recipe, {"lora_rank": 64}), runs_dir) is None
    estimate = estimate_run(recipe, {"train": 32, "validation": 16, "test": 16}, [], runs_dir)
    assert evaluations(recipe, 32) == 2
    expected = measured.preparing + 64 * measured.score_row + 32 * measured.train_row + 2 * 16 * measured.validation_row
    assert estimate.seconds == pytest.approx(expected)


def test_settings_that_need_evaluations_are_measured_without_them(recipe, runs_dir, forked_modules):
    changes = {"checkpoint": "averaged", "evaluations_per_epoch": 2}
    assert calibrate(change_recipe(recipe, changes), runs_dir).train_row > 0


def test_another_machine_has_a_speed_of_its_own(recipe, runs_dir, monkeypatch):
    file = speed._calibration_file(recipe, runs_dir)
    file.parent.mkdir()
    kept = Speed(basis="a calibration", preparing=1, train_row=1, score_row=1, validation_row=1)
    file.write_text(kept.model_dump_json())
    assert kept_calibration(recipe, runs_dir) == kept
    monkeypatch.setattr(speed, "hardware", lambda: hardware() | {"cores": 64})
    assert kept_calibration(recipe, runs_dir) is None


def test_a_damaged_calibration_is_none(recipe, runs_dir):
    file = speed._calibration_file(recipe, runs_dir)
    file.parent.mkdir()
    file.write_text("{")
    assert kept_calibration(recipe, runs_dir) is None


def test_data_that_are_not_there_are_one_sentence(recipe, runs_dir):
    with pytest.raises(SourceNotFoundError):
        calibrate(change_recipe(recipe, {"source": "/no/such.csv"}), runs_dir)


def test_a_calibration_that_fails_says_why_and_keeps_nothing(recipe, runs_dir, forked_modules):
    # No row fits into so few tokens, which is found out only once they are counted.
    with pytest.raises(FinsentError, match="could not be measured: .*tokens"):
        calibrate(change_recipe(recipe, {"max_length": 32}), runs_dir)
    assert not (runs_dir / ".speed").exists()


@pytest.fixture
def started(monkeypatch):
    """The arguments of each module that is run to measure; a calibration takes a moment and finds one second a row."""
    seen = []

    def run(module, *arguments, **options):
        seen.append((module, *arguments))
        if module == "finsent.cost.speed":
            found = Speed(basis="a calibration", preparing=1, train_row=1, score_row=1, validation_row=1)
            Path(arguments[1]).write_text(found.model_dump_json())
        step = asdict(MeasuredStep(10**6, 8, 300, 600, 16, "cpu"))
        return subprocess.CompletedProcess([], 0, json.dumps(step), "")

    monkeypatch.setattr(speed, "run_module", run)
    monkeypatch.setattr(measured_memory, "run_module", run)
    return seen


def test_measurements_beside_a_run_take_one_thread_and_say_so(recipe, runs_dir, two_cores, started, caplog):
    calibrate(recipe, runs_dir)
    measured_memory.measure_apart(recipe)
    assert not caplog.messages
    with run_at_work(runs_dir):
        calibrate(recipe, runs_dir)
        measured_memory.measure_apart(recipe)
    assert len(caplog.messages) == 2 and all("this uses one thread" in words for words in caplog.messages)
    assert [arguments[-1] for arguments in started] == ["2", "2", "1", "1"]


def test_a_calibration_beside_a_run_says_so_and_gives_way_to_one_that_was_alone(recipe, runs_dir, two_cores, started):
    with run_at_work(runs_dir):
        beside = calibrate(recipe, runs_dir)
    assert beside.beside_run and beside.basis == "a calibration beside a run, on 1 of 2 cores,"
    assert kept_calibration(recipe, runs_dir) == beside
    alone = calibrate(recipe, runs_dir)
    assert not alone.beside_run
    with run_at_work(runs_dir):
        calibrate(recipe, runs_dir)
    assert kept_calibration(recipe, runs_dir) == alone


def test_what_a_run_measured_alone_counts_before_a_calibration_beside_a_run(
    recipe, runs_dir, two_cores, started, monkeypatch
):
    with run_at_work(runs_dir):
        beside = calibrate(recipe, runs_dir)
    splits = {"train": 32, "validation": 16, "test": 16}
    assert estimate_run(recipe, splits, [], runs_dir).speed == beside
    similar = beside.model_copy(update={"basis": "run 1", "beside_run": False})
    monkeypatch.setattr("finsent.cost.estimate._speed_of_similar_run", lambda *_: similar)
    assert estimate_run(recipe, splits, [], runs_dir).speed == similar
