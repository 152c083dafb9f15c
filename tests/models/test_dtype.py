"""The faster number format is measured once, kept, and chosen by a wide margin alone."""

import pytest

from finsent.models import dtype as arithmetic


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A machine whose gain is what the test says, and which counts how often it is measured."""
    monkeypatch.setenv("FINSENT_CACHE", str(tmp_path))
    calls = []

    def gain_of(gain):
        arithmetic.fastest_cpu_type.cache_clear()
        monkeypatch.setattr(arithmetic, "measure_gain", lambda: calls.append(gain) or gain)
        return calls

    yield gain_of
    arithmetic.fastest_cpu_type.cache_clear()


@pytest.mark.parametrize(("gain", "chosen"), [(0.5, "float32"), (1.9, "float32"), (2.0, "bfloat16"), (7.0, "bfloat16")])
def test_bfloat16_is_chosen_where_it_multiplies_twice_as_fast(measured, gain, chosen):
    measured(gain)
    assert arithmetic.fastest_cpu_type() == chosen


def test_a_machine_is_measured_once(measured):
    assert len(measured(7.0)) == 0
    assert arithmetic.fastest_cpu_type() == "bfloat16"
    # Another process on this machine reads what the first one measured.
    calls = measured(0.5)
    assert arithmetic.fastest_cpu_type() == "bfloat16"
    assert calls == [7.0]


def test_a_damaged_measurement_is_made_anew(measured, tmp_path):
    measured(7.0)
    arithmetic.fastest_cpu_type()
    (kept,) = tmp_path.glob("arithmetic-*.json")
    kept.write_text("{")
    measured(0.5)
    assert arithmetic.fastest_cpu_type() == "float32"


def test_where_nothing_can_be_kept_it_is_measured_all_the_same(measured, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FINSENT_CACHE", str(tmp_path / "file"))
    measured(7.0)
    assert arithmetic.fastest_cpu_type() == "bfloat16"


def test_the_gain_is_a_ratio_of_times():
    assert 0.01 < arithmetic.measure_gain() < 100
