"""A run's processes: only its own are ever signalled, all of them, and stopped is what was seen to die."""

import subprocess
import sys

import psutil
import pytest

from finsent.errors import DiskFullError, RunActiveError, RunStateError, WorkerStartError
from finsent.recipe import get_recipe
from finsent.runs import processes, starting, worker
from finsent.runs.processes import alive, kill
from finsent.runs.queue import end_now, launch, start_next
from finsent.runs.store import RunState, create_run, list_runs, load_run, read_run, update_run
from tests.runs.test_queue import model_folder, recipe, wait_for

__all__ = ["model_folder", "recipe"]
SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def sleeper():
    """A process that nobody may end by mistake."""
    process = subprocess.Popen(SLEEPS)
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.security("“End now” for a record with a pid and no time of its creation", "Nothing is signalled")
def test_a_process_without_its_creation_is_never_signalled(runs_dir, sleeper):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state="training", pid=sleeper.pid, pid_created=None)
    with pytest.raises(RunStateError, match="not known for certain"):
        end_now(run)
    assert sleeper.is_running()
    assert read_run(run.folder).state == RunState.TRAINING


@pytest.mark.security("“End now” where another process has got the worker's pid", "It is not signalled")
def test_another_process_with_the_pid_of_a_worker_is_never_signalled(runs_dir, sleeper):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state="training", pid=sleeper.pid, pid_created=sleeper.create_time() - 60)
    with pytest.raises(RunStateError, match="is lost"):
        end_now(run)
    kill(sleeper.pid, sleeper.create_time() - 60)
    assert sleeper.is_running() and sleeper.status() != psutil.STATUS_ZOMBIE


@pytest.mark.security("A child of a worker is gone when the worker is ended", "All the others are ended")
def test_a_child_that_is_gone_does_not_keep_the_others_alive(monkeypatch):
    family = "import subprocess, sys; [subprocess.Popen(['sleep', '60']) for _ in range(2)]; input()"
    parent = subprocess.Popen((sys.executable, "-c", family), stdin=subprocess.PIPE)
    wait_for(lambda: len(psutil.Process(parent.pid).children()) == 2)
    children = psutil.Process(parent.pid).children()
    real = psutil.Process.kill

    def gone(process):
        if process == children[0]:
            real(process)
            raise psutil.NoSuchProcess(process.pid)
        real(process)

    monkeypatch.setattr(psutil.Process, "kill", gone)
    kill(parent.pid, psutil.Process(parent.pid).create_time())
    assert parent.wait(5) == -9
    parent.stdin.close()
    for child in children:
        wait_for(lambda child=child: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.security("A worker does not die when it is ended", "The run is not called stopped")
def test_a_run_whose_process_does_not_die_is_not_called_stopped(runs_dir, sleeper, monkeypatch):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state="training", pid=sleeper.pid, pid_created=sleeper.create_time())
    monkeypatch.setattr(psutil.Process, "kill", lambda process: None)
    monkeypatch.setattr(processes, "_SECONDS_TO_DIE", 0.2)
    with pytest.raises(RunStateError, match="not called stopped"):
        end_now(run)
    assert read_run(run.folder).state == RunState.TRAINING
    monkeypatch.undo()
    assert end_now(run).state == RunState.STOPPED
    assert not alive(sleeper.pid, sleeper.create_time())


@pytest.mark.security("A second worker starts while the first one lives", "It is refused, and the record stays")
def test_a_second_worker_is_refused_while_the_first_one_lives(runs_dir, sleeper, tiny_recipe, capsys):
    run = create_run(tiny_recipe, runs_dir)
    update_run(run.folder, state="preparing", pid=sleeper.pid, pid_created=sleeper.create_time())
    before = (run.folder / "run.json").read_bytes()
    with pytest.raises(RunActiveError, match=f"process {sleeper.pid}"):
        update_run(run.folder, state="preparing", pid=1, pid_created=0.0)
    assert worker.main(run.folder) == 1
    assert "a second worker" in capsys.readouterr().out
    assert (run.folder / "run.json").read_bytes() == before
    sleeper.kill()
    wait_for(lambda: load_run(runs_dir, run.id).state == RunState.LOST)
    assert update_run(run.folder, state="preparing", pid=1, pid_created=0.0).pid == 1


@pytest.fixture
def no_word(monkeypatch):
    """A disk that is full by the time that a worker's pid is to be written down; what was started, as processes."""
    started = []
    real_start, real_update = starting.start_detached, starting.update_run

    def start(*args, **named):
        started.append(real_start(*args, **named))
        return started[-1]

    def full(folder, **changes):
        if "pid" in changes:
            raise DiskFullError("No room.")
        return real_update(folder, **changes)

    monkeypatch.setattr(starting, "start_detached", start)
    monkeypatch.setattr(starting, "update_run", full)
    return started


@pytest.mark.security(
    "The disk is full when a worker's pid is to be written down", "The worker is ended, and no run is left behind"
)
def test_a_worker_that_cannot_be_written_down_is_not_left_running(recipe, runs_dir, no_word):
    with pytest.raises(WorkerStartError, match="No room"):
        launch(recipe, runs_dir, command=SLEEPS)
    assert [process.poll() for process in no_word] == [-9]
    assert list_runs(runs_dir) == []


@pytest.mark.security("The same for a run from the queue", "The worker is ended, and the run fails in words")
def test_nor_is_one_from_the_queue_whose_run_then_fails_in_words(recipe, runs_dir, no_word):
    run = create_run(recipe, runs_dir)
    assert start_next(runs_dir, command=SLEEPS) is None
    assert [process.poll() for process in no_word] == [-9]
    failed = load_run(runs_dir, run.id)
    assert (failed.state, "No room" in failed.error) == (RunState.FAILED, True)
