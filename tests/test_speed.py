"""Calibration: what it measures is kept for these settings on this machine, and failures are one sentence."""

import pytest

from finsent import speed
from finsent.errors import FinsentError, SourceNotFoundError
from finsent.estimate import estimate_run, evaluations
from finsent.recipes import change_recipe, get_recipe
from finsent.speed import Speed, calibrate, kept_calibration
from finsent.world import hardware


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


def test_settings_that_need_looks_are_measured_without_them(recipe, runs_dir):
    assert calibrate(change_recipe(recipe, {"early_stopping": 2}), runs_dir).train_row > 0


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


def test_a_calibration_that_fails_says_why_and_keeps_nothing(recipe, runs_dir):
    # No row fits into so few tokens, which is found out only once they are counted.
    with pytest.raises(FinsentError, match="could not be measured: .*tokens"):
        calibrate(change_recipe(recipe, {"max_length": 32}), runs_dir)
    assert not (runs_dir / ".speed").exists()
