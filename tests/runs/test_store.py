"""Run folders: what is written is read back, states are true, and nothing half-written stays."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from finsent.errors import DiskFullError, RunError, RunNotFoundError, RunStateError
from finsent.recipe import get_recipe
from finsent.runs import room
from finsent.runs.deletion import delete_run
from finsent.runs.store import (
    RunState,
    active_run,
    create_run,
    list_damaged,
    list_runs,
    load_run,
    log_tail,
    request_stop,
    stop_requested,
    update_run,
    waiting_runs,
)


@pytest.fixture
def run(runs_dir):
    return create_run(get_recipe("quick"), runs_dir, name="first")


@pytest.mark.parametrize(
    ("was", "now"), [("training", "baseline"), ("done", "training"), ("done", "queued"), ("stopped", "evaluating")]
)
def test_a_run_never_goes_back_in_secret(run, was, now):
    update_run(run.folder, state=was)
    with pytest.raises(RunStateError, match=f"is {was} and cannot become {now}"):
        update_run(run.folder, state=now)
    assert load_run(run.folder.parent, run.id).model_dump(include={"state"}) == {"state": was}


def test_the_queue_is_served_in_the_order_of_joining(runs_dir):
    one, two = (create_run(get_recipe("quick"), runs_dir) for _ in range(2))
    assert [waiting.id for waiting in waiting_runs(runs_dir)] == [one.id, two.id]
    assert active_run(runs_dir) is None
    update_run(one.folder, state="stopped")
    update_run(one.folder, state="queued")
    assert [waiting.id for waiting in waiting_runs(runs_dir)] == [two.id, one.id]


def test_a_new_run_is_queued_and_read_back_as_written(run, runs_dir):
    again = load_run(runs_dir, run.id)
    assert again == run
    assert again.state == RunState.QUEUED
    assert again.title == "first"
    assert again.seconds is None


def test_the_pause_before_a_resume_is_not_time_at_work(run):
    monday, day = datetime(2026, 3, 2, 9, tzinfo=UTC), timedelta(days=1)
    run = run.model_copy(update={"started": monday, "ended": monday + timedelta(seconds=60), "pid": 1})
    assert run.seconds == 60
    waiting = run.model_copy(update={"worked": 60.0, "resumed": monday + day, "ended": None, "pid": None})
    assert waiting.waiting and waiting.seconds == 60
    later = {"pid": 1, "resumed": monday + 2 * day, "ended": monday + 2 * day + timedelta(seconds=5)}
    assert waiting.model_copy(update=later).seconds == 65


def test_creating_leaves_no_scratch_folder(run, runs_dir):
    assert [path.name for path in runs_dir.iterdir()] == [run.id]


def test_a_missing_run_says_how_to_list_runs(runs_dir):
    with pytest.raises(RunNotFoundError, match="python -m finsent runs"):
        load_run(runs_dir, "20260101-000000-abcdef")


@pytest.mark.security("A name that leads out of the folder of runs is given", "It is refused before anything is read")
@pytest.mark.parametrize("name", ["../secret", "", ".", "20260101-000000-abcdef/..", "20260101-000000-ABCDEF"])
def test_a_name_that_is_no_run_id_never_reaches_the_disk(runs_dir, name):
    (runs_dir / "run.json").write_text("{}")
    with pytest.raises(RunNotFoundError):
        load_run(runs_dir, name)


def test_a_damaged_run_is_an_error_when_asked_for_and_stands_apart_in_the_list(run, runs_dir):
    other = create_run(get_recipe("quick"), runs_dir)
    (run.folder / "run.json").write_text("{ half")
    with pytest.raises(RunError, match="damaged"):
        load_run(runs_dir, run.id)
    assert [found.id for found in list_runs(runs_dir)] == [other.id]
    (damaged,) = list_damaged(runs_dir)
    assert (damaged.id, damaged.state, damaged.folder) == (run.id, "damaged", run.folder)
    assert "run.json is damaged" in damaged.problem


def test_a_run_of_a_newer_version_is_refused_in_words(run, runs_dir):
    record = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps(record | {"schema_version": 99, "new_field": 1}))
    with pytest.raises(RunError, match="newer version"):
        load_run(runs_dir, run.id)


def test_an_active_run_whose_process_is_gone_is_lost_with_the_last_lines_of_its_log(run, runs_dir):
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    created = psutil.Process(gone.pid).create_time()
    gone.wait()
    run.log_file.write_text("loading\r 10%\r100%\nKilled by the kernel\n")
    update_run(run.folder, state="training", pid=gone.pid, pid_created=created)
    lost = load_run(runs_dir, run.id)
    assert lost.state == RunState.LOST
    assert "Killed by the kernel" in lost.error
    assert active_run(runs_dir) is None
    # Nobody wrote that: the state on the disk is still the worker's last word.
    assert json.loads((run.folder / "run.json").read_text())["state"] == "training"


@pytest.mark.security("Another process has got the pid of a worker that is gone", "The run is lost, not at work")
def test_another_process_with_the_same_pid_is_not_the_worker(run, runs_dir):
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time() - 3600)
    assert load_run(runs_dir, run.id).state == RunState.LOST


def test_a_living_process_keeps_its_run_active(run, runs_dir):
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time())
    assert active_run(runs_dir).id == run.id


def test_entering_a_state_is_timed_once(run):
    before = datetime.now(UTC)
    first = update_run(run.folder, state="training")
    second = update_run(run.folder, state="training", steps=3)
    assert before <= first.entered[RunState.TRAINING] == second.entered[RunState.TRAINING]


def test_updates_from_many_threads_are_all_kept(run, runs_dir):
    fields = ["name", "note", "source_title", "source_hash", "model_title", "model_hash"]
    threads = [threading.Thread(target=update_run, args=(run.folder,), kwargs={name: name}) for name in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load_run(runs_dir, run.id).model_dump(include=set(fields)) == {name: name for name in fields}


def test_an_update_that_is_not_valid_changes_nothing(run, runs_dir):
    before = (run.folder / "run.json").read_bytes()
    with pytest.raises(ValueError, match="state"):
        update_run(run.folder, state="flying")
    assert (run.folder / "run.json").read_bytes() == before


def test_deleting_removes_the_folder_and_refuses_an_active_run(run, runs_dir):
    with pytest.raises(RunStateError, match="stop it"):
        delete_run(runs_dir, run.id)
    update_run(run.folder, state="done")
    delete_run(runs_dir, run.id)
    assert [path.name for path in runs_dir.iterdir()] == [".launch.lock"]


def test_stopping_is_asked_of_active_runs_only(run, runs_dir):
    assert not stop_requested(run.folder)
    request_stop(run)
    assert stop_requested(run.folder)
    with pytest.raises(RunStateError, match="done"):
        request_stop(update_run(run.folder, state="done"))


def test_too_little_room_is_told_before_anything_is_written(runs_dir, monkeypatch):
    monkeypatch.setattr(room, "_MIN_FREE_BYTES", 2**62)
    with pytest.raises(DiskFullError, match="MiB free"):
        create_run(get_recipe("quick"), runs_dir)
    assert list(runs_dir.iterdir()) == []


@pytest.mark.security("Writing a record fails halfway", "The old one stays, and nothing half-written is left")
def test_a_failing_write_leaves_the_old_file_and_no_scratch(run, monkeypatch):
    before = (run.folder / "run.json").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFullError, match="No space left"):
        update_run(run.folder, steps=1)
    assert (run.folder / "run.json").read_bytes() == before
    assert not list(run.folder.glob(".run.json.*"))


def test_the_log_tail_reads_the_end_and_survives_broken_bytes(run):
    assert log_tail(run) == ""
    run.log_file.write_bytes(b"\xff\xfe broken\n" + b"".join(b"line %d\n" % n for n in range(50_000)))
    assert log_tail(run, lines=2) == "line 49998\nline 49999"
