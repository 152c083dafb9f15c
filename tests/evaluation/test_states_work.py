"""The process that reads texts for the map: it says how far it is, ends when it is told to, and keeps the result."""

import io
import json
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from finsent.data.dataset import load_data
from finsent.errors import DiskFullError, RunActiveError
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


def recorded(reading, runs_dir, **changes):
    """Write the record of this process as that which reads the texts."""
    states_dir(runs_dir).mkdir(exist_ok=True)
    who = identity(psutil.Process()) | changes
    work = StatesWork(model=reading.model, texts_hash=reading.texts_hash, n=120, **who)
    states_work._say(work, runs_dir)
    return work


@pytest.fixture
def given(reading, monkeypatch):
    """The texts as the standard input of this process."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"model": reading.model, "texts": reading.texts})))


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


def test_what_cannot_be_used_is_said_in_the_record(reading, runs_dir, tmp_path, monkeypatch):
    recorded(reading, runs_dir)
    texts = {"model": str(tmp_path / "gone"), "texts": reading.texts}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(texts)))
    assert states_work._main(runs_dir) == 2
    assert "There is no model" in states_work.states_work(runs_dir).error


def test_the_process_begins_once_its_record_is_there(reading, runs_dir, given, monkeypatch):
    read = []
    monkeypatch.setattr(states_work, "compute_states", lambda *about: read.append(about))
    process = threading.Thread(target=states_work._main, args=(runs_dir,))
    with states_work._lock(runs_dir):
        process.start()
        process.join(0.3)
        assert process.is_alive() and not read
        recorded(reading, runs_dir)
    process.join()
    assert len(read) == 1 and not (states_dir(runs_dir) / "work.json").exists()


def test_a_process_without_a_record_ends(reading, runs_dir, given, monkeypatch):
    monkeypatch.setattr(states_work, "compute_states", lambda *about: pytest.fail("it reads the texts"))
    assert states_work._main(runs_dir) == 2


def test_nor_does_one_go_on_beside_the_recorded_one(reading, runs_dir, given, monkeypatch):
    other_process(monkeypatch, "import time; time.sleep(60)")
    work = start_states(reading, runs_dir)
    monkeypatch.setattr(states_work, "compute_states", lambda *about: pytest.fail("it reads the texts"))
    assert states_work._main(runs_dir) == 2
    assert states_work.states_work(runs_dir) == work
    cancel_states(runs_dir)


def test_a_process_that_cannot_be_written_down_is_not_left_running(reading, runs_dir, monkeypatch):
    started, real_start = [], subprocess.Popen

    def start(*args, **named):
        started.append(real_start(*args, **named))
        return started[-1]

    def full(work, runs_dir):
        raise DiskFullError("No room.")

    other_process(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(states_work, "_say", full)
    with pytest.raises(DiskFullError, match="No room"):
        start_states(reading, runs_dir)
    assert [process.poll() for process in started] == [-9]
    assert states_work.states_work(runs_dir) is None


def test_a_cancellation_waits_for_a_start(reading, runs_dir):
    file = states_dir(runs_dir) / "work.json"
    cancels = threading.Thread(target=cancel_states, args=(runs_dir,))
    with states_work._lock(runs_dir):
        recorded(reading, runs_dir, pid_ticks=1, pid_created=1.0)
        cancels.start()
        cancels.join(0.3)
        assert file.exists()
    cancels.join()
    assert not file.exists()


def test_what_others_are_writing_stays_unless_it_is_old(runs_dir):
    folder = states_dir(runs_dir)
    folder.mkdir()
    new, old, word = (folder / name for name in (".a.safetensors.01234567", ".b.safetensors.01234567", ".work.json.0a"))
    for file in (new, old, word, folder / ".lock", folder / "c.safetensors"):
        file.touch()
    os.utime(old, (time.time() - 3_700,) * 2)
    states_work._sweep(folder)
    assert sorted(file.name for file in folder.iterdir()) == [".a.safetensors.01234567", ".lock", "c.safetensors"]


def test_how_far_it_is_and_how_long_it_takes(reading, runs_dir, monkeypatch):
    report = states_work._reported(recorded(reading, runs_dir), runs_dir)
    report(0, 1_000)
    assert states_work.states_work(runs_dir).seconds_left is None
    monkeypatch.setattr(states_work, "_SECONDS_BETWEEN_WORDS", 0)
    later = time.time() + 10
    monkeypatch.setattr(states_work.time, "time", lambda: later)
    report(250, 1_000)
    now = states_work.states_work(runs_dir)
    assert (now.done, now.total) == (250, 1_000) and now.seconds_left == pytest.approx(30, abs=1)


def test_the_work_of_another_machine_is_not_taken_for_ones_own(reading, runs_dir):
    recorded(reading, runs_dir, host="elsewhere")
    assert states_work.states_work(runs_dir) is None
    (states_dir(runs_dir) / "work.json").write_text("{")
    assert states_work.states_work(runs_dir) is None


def test_the_estimate_is_that_of_scoring_the_rows(reading, runs_dir, monkeypatch):
    assert estimated_seconds(reading, list_runs(runs_dir), runs_dir) is None
    from finsent.cost.speed import Speed

    speed = Speed(basis="a calibration", preparing=5, train_row=1, score_row=0.5, validation_row=1)
    monkeypatch.setattr(states_work, "known_speed", lambda recipe, runs, runs_dir: speed)
    assert estimated_seconds(reading, [], runs_dir) == 65
