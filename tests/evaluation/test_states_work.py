"""The process that reads texts for the map: it says how far it is, ends when it is told to, and keeps the result."""

import os
import sys
import time

import psutil
import pytest

from finsent.data.dataset import load_data
from finsent.errors import RunActiveError
from finsent.evaluation import states_work
from finsent.evaluation.states_work import (
    StatesWork,
    cancel_states,
    estimated_seconds,
    start_states,
)
from finsent.evaluation.text_states import model_reading, read_states, states_dir
from finsent.runs.processes import identity
from finsent.runs.store import list_runs


@pytest.fixture
def reading(small_csv, tiny_llama):
    return model_reading(load_data(str(small_csv)).rows, str(tiny_llama))[1]


def ended(runs_dir, seconds=120):
    """Wait for the work to end and return what is left of it."""
    until = time.monotonic() + seconds
    while (work := states_work.states_work(runs_dir)) is not None and work.alive:
        assert time.monotonic() < until
        time.sleep(0.1)
    return work


def other_process(monkeypatch, program):
    """Let a program be started in the place of the real one."""
    monkeypatch.setattr(states_work, "module_command", lambda module, processes: (sys.executable, "-c", program))


def test_a_process_of_its_own_reads_the_texts_once(reading, runs_dir):
    work = start_states(reading, runs_dir)
    assert work.alive and work.pid != os.getpid() and work.is_of(reading) and work.n == 120
    assert ended(runs_dir) is None
    states, why = read_states(reading, runs_dir)
    assert why == "" and states.shape == (120, 64)
    assert not list(states_dir(runs_dir).glob("work.json"))


def test_one_at_a_time_and_cancelled_at_once(reading, runs_dir, monkeypatch):
    other_process(monkeypatch, "import time; time.sleep(60)")
    work = start_states(reading, runs_dir)
    with pytest.raises(RunActiveError, match="120 texts"):
        start_states(reading, runs_dir)
    cancel_states(runs_dir)
    assert not work.alive and states_work.states_work(runs_dir) is None
    # What it was writing when it was ended goes with the next start.
    (states_dir(runs_dir) / ".work.json.0a1b2c3d").touch()
    other_process(monkeypatch, "pass")
    start_states(reading, runs_dir)
    ended(runs_dir)
    assert not list(states_dir(runs_dir).glob(".work.json.*"))


def test_a_process_that_ends_without_a_word_is_told_of(reading, runs_dir, monkeypatch):
    other_process(monkeypatch, "raise SystemExit('it fell over')")
    start_states(reading, runs_dir)
    left = ended(runs_dir)
    assert left.error == "The process ended before it was done: it fell over"
    # It does not stand in the way.
    other_process(monkeypatch, "pass")
    start_states(reading, runs_dir)


def test_what_cannot_be_used_is_said_in_the_record(reading, runs_dir, tmp_path):
    states_dir(runs_dir).mkdir()
    gone = reading.__class__(reading.texts, str(tmp_path / "gone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states_work.sys, "stdin", (tmp_path / "given").open("w+"))
        states_work.sys.stdin.write(states_work.json.dumps({"model": gone.model, "texts": gone.texts}))
        states_work.sys.stdin.seek(0)
        assert states_work._main(runs_dir) == 2
        states_work.sys.stdin.close()
    assert "There is no model" in states_work.states_work(runs_dir).error


def test_how_far_it_is_and_how_long_it_takes(reading, runs_dir, monkeypatch):
    states_dir(runs_dir).mkdir()
    own = identity(psutil.Process())
    work = StatesWork(model=reading.model, texts_hash=reading.texts_hash, n=120, **own)
    report = states_work._reported(work, runs_dir)
    report(0, 1_000)
    assert states_work.states_work(runs_dir).seconds_left is None
    monkeypatch.setattr(states_work, "_SECONDS_BETWEEN_WORDS", 0)
    later = time.time() + 10
    monkeypatch.setattr(states_work.time, "time", lambda: later)
    report(250, 1_000)
    now = states_work.states_work(runs_dir)
    assert (now.done, now.total) == (250, 1_000) and now.seconds_left == pytest.approx(30, abs=1)


def test_the_work_of_another_machine_is_not_taken_for_ones_own(reading, runs_dir):
    states_dir(runs_dir).mkdir()
    other = identity(psutil.Process()) | {"host": "elsewhere"}
    work = StatesWork(model=reading.model, texts_hash=reading.texts_hash, n=120, **other)
    states_work._say(work, runs_dir)
    assert states_work.states_work(runs_dir) is None
    (states_dir(runs_dir) / "work.json").write_text("{")
    assert states_work.states_work(runs_dir) is None


def test_the_estimate_is_that_of_scoring_the_rows(reading, runs_dir, monkeypatch):
    assert estimated_seconds(reading, list_runs(runs_dir), runs_dir) is None
    from finsent.cost.speed import Speed

    speed = Speed(basis="a calibration", preparing=5, train_row=1, score_row=0.5, validation_row=1)
    monkeypatch.setattr(states_work, "known_speed", lambda recipe, runs, runs_dir: speed)
    assert estimated_seconds(reading, [], runs_dir) == 65
