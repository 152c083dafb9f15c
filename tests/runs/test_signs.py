"""Whether a run's worker lives, when the clock was set, on another machine, and when the record is wrong."""

import os
import re
import socket
import subprocess
import sys
import time

import psutil
import pytest

from finsent.cli.main import main
from finsent.errors import RunActiveError, RunStateError
from finsent.files import PROJECT
from finsent.recipe import get_recipe
from finsent.runs import locks, signs, worker
from finsent.runs.deletion import delete_run
from finsent.runs.locks import worker_holds, worker_lock
from finsent.runs.processes import NOBODY, boot_id, identity
from finsent.runs.queue import end_now, resume, start_next
from finsent.runs.record import RunState
from finsent.runs.signs import SECONDS_UNTIL_LOST, elsewhere, heartbeat, is_here
from finsent.runs.store import create_run, read_run, stop_requested, update_run
from tests.runs.test_processes import sleeper
from tests.runs.test_queue import wait_for

__all__ = ["sleeper"]
HOLDS = """
import sys, subprocess
from pathlib import Path
from finsent.runs.locks import worker_lock
with worker_lock(Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    input()
"""


@pytest.fixture
def run(runs_dir):
    return create_run(get_recipe("quick"), runs_dir)


@pytest.fixture
def stepped(monkeypatch):
    """A clock that was set back by an hour since: every creation of a process seems later than it was noted."""
    real = psutil.Process.create_time
    return lambda: monkeypatch.setattr(psutil.Process, "create_time", lambda process: real(process) + 3600)


def away(run, seconds_ago, **changes):
    """A run at work on another machine, whose last sign is so old."""
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=1.0, host="elsewhere", boot="b", **changes)
    last = time.time() - seconds_ago
    for file in (run.folder / "run.json", run.heartbeat_file):
        file.touch()
        os.utime(file, (last, last))
    return read_run(run.folder)


@pytest.mark.security("The clock is set while a run is at work", "The run stays at work, and no second worker starts")
def test_a_step_of_the_clock_makes_no_run_lost(run, sleeper, stepped, runs_dir):
    update_run(run.folder, state="training", **identity(sleeper))
    stepped()
    assert read_run(run.folder).state == RunState.TRAINING
    with pytest.raises(RunActiveError, match="second worker"):
        update_run(run.folder, state="preparing", **identity(psutil.Process()))
    assert end_now(run).state == RunState.STOPPED
    wait_for(lambda: not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE)


def test_the_same_worker_may_write_itself_down_again_after_a_step_of_the_clock(run, sleeper, stepped):
    update_run(run.folder, **identity(sleeper))
    stepped()
    assert update_run(run.folder, state="preparing", **identity(sleeper)).state == RunState.PREPARING


@pytest.mark.security("Another process has got a worker's pid, after a step of the clock", "It is never signalled")
def test_a_process_with_the_same_pid_and_other_ticks_is_another(run, sleeper):
    theirs = identity(sleeper)
    if theirs["pid_ticks"] is None:
        pytest.skip("this system counts no ticks")
    update_run(run.folder, state="training", **theirs | {"pid_ticks": theirs["pid_ticks"] - 1})
    assert read_run(run.folder).state == RunState.LOST
    with pytest.raises(RunStateError, match="is lost"):
        end_now(run)
    assert sleeper.is_running()


def test_a_record_of_an_older_version_is_known_by_the_time_of_creation(run, sleeper):
    update_run(run.folder, state="training", pid=sleeper.pid, pid_created=sleeper.create_time())
    found = read_run(run.folder)
    assert (found.state, found.host, found.pid_ticks, is_here(found)) == (RunState.TRAINING, "", None, True)


def test_a_process_is_known_by_machine_and_ticks():
    own = identity(psutil.Process())
    assert own.keys() == NOBODY.keys()
    assert (own["host"], own["boot"]) == (socket.gethostname(), boot_id())
    assert re.fullmatch(r"[0-9a-f-]{36}|", own["boot"])
    assert own["pid_ticks"] == identity(psutil.Process())["pid_ticks"]


@pytest.mark.security("A run at work on another host is looked at from here", "It is at work while it gives signs")
def test_a_run_of_another_host_is_at_work_while_it_gives_signs(run, runs_dir, capsys):
    found = away(run, 12)
    assert found.state == RunState.TRAINING
    assert elsewhere(found) == "running on elsewhere, last sign of life 12 s ago"
    assert main(["queue", "--runs-dir", str(runs_dir)]) == 0
    assert re.search(r"running on elsewhere, last sign of life 1\d s ago", capsys.readouterr().out)


def test_a_run_of_another_host_is_lost_after_minutes_without_a_sign(run):
    found = away(run, SECONDS_UNTIL_LOST + 5)
    assert (found.state, elsewhere(found)) == (RunState.LOST, "")
    assert abs(time.time() - SECONDS_UNTIL_LOST - 5 - found.ended.timestamp()) < 2


def test_a_run_from_before_this_machines_last_start_goes_by_its_signs(run, sleeper):
    old = identity(sleeper) | {"boot": "another"}
    update_run(run.folder, state="training", **old)
    assert not is_here(read_run(run.folder))


@pytest.mark.security("“End now” for a run of another host", "No process of this machine is signalled")
def test_the_processes_of_another_host_are_not_ended_from_here(run):
    away(run, 1)
    with pytest.raises(RunStateError, match="at work on elsewhere"):
        end_now(run)
    assert read_run(run.folder).state == RunState.TRAINING


def test_what_cannot_be_done_from_here_says_where_the_run_is_at_work(run, runs_dir, capsys):
    away(run, 1)
    for words in (["stop", "--now"], ["delete"], ["resume"]):
        assert main([words[0], run.id, *words[1:], "--runs-dir", str(runs_dir)]) == 2
        assert "on elsewhere" in capsys.readouterr().err
    # To be asked to stop, it need only look into the folder of its run.
    assert main(["stop", run.id, "--runs-dir", str(runs_dir)]) == 0
    assert stop_requested(run.folder) and read_run(run.folder).state == RunState.TRAINING


@pytest.mark.security("A second host starts a worker for a run at work on the first", "It is refused")
def test_a_second_host_starts_no_worker_beside_the_first(run, runs_dir):
    away(run, 12)
    with pytest.raises(RunActiveError, match="on elsewhere; a second worker"):
        update_run(run.folder, state="preparing", **identity(psutil.Process()))
    create_run(get_recipe("quick"), runs_dir)
    assert start_next(runs_dir) is None


def test_the_heart_beats_while_the_worker_works(run, monkeypatch):
    monkeypatch.setattr(signs, "_SECONDS_BETWEEN_BEATS", 0.01)
    with heartbeat(run):
        wait_for(run.heartbeat_file.exists)
        first = run.heartbeat_file.stat().st_mtime_ns
        wait_for(lambda: run.heartbeat_file.stat().st_mtime_ns > first)
    last = run.heartbeat_file.stat().st_mtime_ns
    time.sleep(0.05)
    assert run.heartbeat_file.stat().st_mtime_ns == last


@pytest.fixture
def held(run, monkeypatch):
    """The folder's lock is held by a worker that has a child."""
    monkeypatch.setattr(locks, "_SECONDS_FOR_WORKER", 0.1)
    command = [sys.executable, "-c", HOLDS, str(run.folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as holder:
        child = int(holder.stdout.readline())
        yield holder
        psutil.Process(child).kill()
        holder.kill()


@pytest.mark.security("A second worker starts in the folder of a run whose record calls it lost", "It is refused")
def test_a_second_worker_is_refused_whatever_the_record_says(run, held, capsys):
    assert worker_holds(run.folder)
    before = (run.folder / "run.json").read_bytes()
    assert worker.main(run.folder) == 1
    assert "a second worker would spoil it" in capsys.readouterr().out
    assert (run.folder / "run.json").read_bytes() == before


@pytest.mark.security("A run called lost is resumed while its worker still works", "It is refused")
def test_a_run_whose_worker_still_holds_its_folder_cannot_be_resumed(run, held, tmp_path, monkeypatch):
    update_run(run.folder, state="training", pid=2**22 + 1, pid_created=0.0)
    with pytest.raises(RunActiveError, match="a worker is at work in its folder"):
        resume(run)
    assert read_run(run.folder).state == RunState.LOST


@pytest.mark.security("A run whose record is damaged is deleted while its worker works", "It is refused")
def test_a_damaged_run_is_not_deleted_under_its_worker(run, held, runs_dir):
    (run.folder / "run.json").write_text("[1]")
    with pytest.raises(RunStateError, match="stop the run before"):
        delete_run(runs_dir, run.id)
    held.communicate("\n")
    delete_run(runs_dir, run.id)
    assert not run.folder.exists()


@pytest.mark.security("A child of a worker that was killed lives on", "It does not hold the folder for its parent")
def test_what_a_worker_starts_does_not_inherit_its_lock(run, held):
    held.kill()
    held.wait()
    assert not worker_holds(run.folder)
    with worker_lock(run.folder):
        assert worker_holds(run.folder)
