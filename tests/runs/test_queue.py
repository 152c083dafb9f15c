"""Launching: one run at a time, watched to its end, never a zombie, never a word lost."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from finsent.data import dataset
from finsent.data.dataset import load_data
from finsent.data.prepared import prepare
from finsent.errors import (
    DataError,
    HubUnreachableError,
    ModelNotFoundError,
    RunActiveError,
    RunChangedError,
    RunStateError,
    SourceNotFoundError,
    WorkerStartError,
)
from finsent.recipe import change_recipe, get_recipe
from finsent.runs import processes
from finsent.runs.processes import identity
from finsent.runs.queue import end_now, follow, launch, resume, start_next, stop, submit
from finsent.runs.reach import validate_launch
from finsent.runs.store import RunState, active_run, create_run, list_runs, load_run, log_tail, update_run, waiting_runs

ROUNDS = 100
STUB = (sys.executable, "-m", "tests.stub_worker")


@pytest.fixture
def recipe(model_folder):
    return change_recipe(get_recipe("quick"), {"model": str(model_folder)})


@pytest.fixture
def model_folder(tmp_path):
    """A folder that looks like a model; the stub worker never loads it."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder


def write_data(path):
    labels = ("negative", "neutral", "positive")
    path.write_text("text,label\n" + "".join(f"Sales were {n} million,{labels[n % 3]}\n" for n in range(60)))


def finish(run):
    return list(follow(run, interval=0.02))[-1]


def test_a_launched_run_is_followed_to_its_end_and_its_process_is_collected(recipe, runs_dir):
    run = launch(recipe, runs_dir, "stub", command=STUB)
    seen = [run.state for run in follow(run, interval=0.01)]
    assert seen[-1] == RunState.DONE
    order = list(dict.fromkeys(seen))
    assert order == [state for state in RunState if state in order]
    assert "stub worker at work" in log_tail(run, lines=100)
    process_gone(run.pid)


def process_gone(pid):
    """Neither running nor a zombie: the launcher has collected it (it may take the collecting thread a moment)."""
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return
    assert not psutil.pid_exists(pid)


def test_the_worker_has_a_session_of_its_own(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.2")
    run = launch(recipe, runs_dir, command=STUB)
    try:
        assert os.getsid(run.pid) == run.pid != os.getsid(0)
    finally:
        stop(run)
        finish(run)


def test_one_run_at_a_time_and_the_refusal_names_it(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.2")
    run = launch(recipe, runs_dir, command=STUB)
    with pytest.raises(RunActiveError, match=f"{run.id}.*finsent stop"):
        launch(recipe, runs_dir, command=STUB)
    stop(run)
    assert finish(run).state == RunState.STOPPED
    assert len(list_runs(runs_dir)) == 1


def test_a_worker_that_dies_before_its_first_word_is_lost_with_its_last_lines(recipe, runs_dir):
    run = launch(recipe, runs_dir, command=(sys.executable, "-c", "raise SystemExit('no module torch')"))
    end = finish(run)
    assert end.state == RunState.LOST
    assert "no module torch" in end.error
    assert active_run(runs_dir) is None


def test_a_worker_that_vanishes_while_training_is_lost(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_DIE_AT", "3")
    end = finish(launch(recipe, runs_dir, command=STUB))
    assert end.state == RunState.LOST
    assert "about to vanish" in end.error
    assert end.steps == 2


def test_a_worker_that_cannot_be_started_leaves_nothing(recipe, runs_dir):
    with pytest.raises(WorkerStartError, match="cannot be started"):
        launch(recipe, runs_dir, command=("/no/such/python",))
    assert list_runs(runs_dir) == []
    assert [path for path in runs_dir.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"source": "/no/such/file.csv"}, SourceNotFoundError),
        ({"model": "/no/such/model"}, ModelNotFoundError),
        ({"source": "hub"}, HubUnreachableError),
        ({"model": "qwen3-0.6b"}, HubUnreachableError),
        ({"source": __file__}, DataError),
    ],
)
def test_what_is_not_there_is_refused_before_a_run_is_created(recipe, runs_dir, changes, error):
    with pytest.raises(error):
        launch(change_recipe(recipe, changes), runs_dir, command=STUB)
    assert list(runs_dir.iterdir()) == []


def test_relative_paths_are_the_callers(recipe, model_folder, runs_dir, monkeypatch):
    data = model_folder.parent / "data.csv"
    write_data(data)
    monkeypatch.chdir(model_folder.parent)
    checked = validate_launch(change_recipe(recipe, {"source": "data.csv", "model": "model"}))
    assert checked.source == str(data)
    assert checked.model == str(model_folder)


def test_a_run_is_found_again_from_the_disk_alone(recipe, runs_dir):
    run = launch(recipe, runs_dir, command=STUB)
    finish(run)
    again = load_run(runs_dir, run.id)
    assert (again.pid, again.recipe) == (run.pid, run.recipe)
    assert again.recipe.model == recipe.model


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_runs_that_are_submitted_wait_and_start_in_order(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_STEPS", "3")
    runs = [submit(recipe, runs_dir, name, command=STUB) for name in ("first", "second", "third")]
    assert [run.waiting for run in runs] == [False, True, True]
    assert [run.id for run in waiting_runs(runs_dir)] == [runs[1].id, runs[2].id]
    with pytest.raises(RunActiveError, match=runs[0].id):
        launch(recipe, runs_dir, command=STUB)
    # Nobody looks at the queue: the end of each run starts the next one.
    wait_for(lambda: all(load_run(runs_dir, run.id).state == RunState.DONE for run in runs))
    records = [load_run(runs_dir, run.id) for run in runs]
    assert records[0].ended <= records[1].started
    assert records[1].ended <= records[2].started


def test_a_run_is_taken_out_of_the_queue_before_it_begins(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.2")
    first, second = (submit(recipe, runs_dir, command=STUB) for _ in range(2))
    stop(second)
    assert load_run(runs_dir, second.id).state == RunState.STOPPED
    stop(first)
    assert finish(first).state == RunState.STOPPED
    time.sleep(0.3)
    assert load_run(runs_dir, second.id).started is None


def test_a_waiting_run_is_started_by_whoever_looks_when_its_starter_is_gone(recipe, runs_dir):
    # What a server leaves that was killed between creating a run and starting it.
    run = create_run(recipe, runs_dir)
    assert run.waiting
    assert start_next(runs_dir, command=STUB).id == run.id
    assert start_next(runs_dir, command=STUB) is None
    assert finish(run).state == RunState.DONE


def test_a_queued_run_that_cannot_start_fails_in_words_and_the_next_one_has_its_turn(recipe, runs_dir):
    run = submit(recipe, runs_dir, command=("/no/such/python",))
    assert run.state == RunState.FAILED
    assert "cannot be started" in run.error
    assert finish(submit(recipe, runs_dir, command=STUB)).state == RunState.DONE


def test_a_stopped_run_goes_on_in_the_same_folder(recipe, runs_dir, monkeypatch):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.1")
    run = launch(recipe, runs_dir, command=STUB)
    next(now for now in follow(run, 0.02) if now.steps >= 3)
    stop(run)
    assert finish(run).state == RunState.STOPPED
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.01")
    before = load_run(runs_dir, run.id).seconds
    again = resume(run, command=STUB)
    assert (again.id, again.error, again.ended, again.worked) == (run.id, None, None, before)
    end = finish(again)
    assert (end.state, end.steps) == (RunState.DONE, 20)
    assert not (run.folder / "stop").exists()


@pytest.mark.parametrize("death", ["vanishes", "is killed"])
def test_a_lost_run_goes_on(recipe, runs_dir, monkeypatch, death):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.05")
    if death == "vanishes":
        monkeypatch.setenv("STUB_DIE_AT", "4")
    run = launch(recipe, runs_dir, command=STUB)
    if death == "is killed":
        os.kill(next(now for now in follow(run, 0.02) if now.steps >= 3).pid, signal.SIGKILL)
    lost = finish(run)
    assert lost.state == RunState.LOST
    assert lost.seconds < 60
    if death == "is killed":
        wait_for(lambda: "SIGKILL" in load_run(runs_dir, run.id).error)
    monkeypatch.delenv("STUB_DIE_AT", raising=False)
    assert finish(resume(run, command=STUB)).state == RunState.DONE


def test_a_run_that_is_done_or_at_work_cannot_go_on(recipe, runs_dir, monkeypatch):
    run = launch(recipe, runs_dir, command=STUB)
    with pytest.raises(RunStateError, match="ended before it was done"):
        resume(run, command=STUB)
    finish(run)
    with pytest.raises(RunStateError, match="is done"):
        resume(run, command=STUB)


@pytest.mark.parametrize(("by", "times"), [("launch", 1), ("submit", 1), ("submit what is prepared", 0)])
def test_a_launch_reads_its_data_once_and_not_at_all_where_they_were_read(
    recipe, runs_dir, tmp_path, monkeypatch, by, times
):
    write_data(tmp_path / "data.csv")
    recipe = change_recipe(recipe, {"source": str(tmp_path / "data.csv")})
    prepared = prepare(recipe) if by == "submit what is prepared" else None
    read, seen = dataset.local_table, []
    monkeypatch.setattr(dataset, "local_table", lambda path: seen.append(path) or read(path))
    start = launch if by == "launch" else submit
    finish(start(recipe, runs_dir, command=STUB, prepared=prepared))
    assert len(seen) == times


@pytest.fixture
def lost_with_data(recipe, runs_dir, tmp_path, monkeypatch):
    """A run whose worker vanished, which knows what its data were, and the file of these."""
    data = tmp_path / "data.csv"
    write_data(data)
    with monkeypatch.context() as dying:
        dying.setenv("STUB_DIE_AT", "2")
        run = finish(launch(change_recipe(recipe, {"source": str(data)}), runs_dir, command=STUB))
    return update_run(run.folder, source_hash=load_data(str(data)).fingerprint), data


def test_a_run_whose_data_are_gone_is_not_resumed(lost_with_data, runs_dir):
    run, data = lost_with_data
    data.unlink()
    with pytest.raises(SourceNotFoundError, match=r"data\.csv"):
        resume(run, command=STUB)
    assert load_run(runs_dir, run.id).state == RunState.LOST


def test_a_run_whose_data_have_changed_is_not_resumed(lost_with_data, runs_dir):
    run, data = lost_with_data
    with data.open("a") as file:
        file.write("Sales were flat,neutral\n")
    with pytest.raises(RunChangedError, match=r"data\.csv.* have changed"):
        resume(run, command=STUB)
    assert load_run(runs_dir, run.id).state == RunState.LOST
    write_data(data)
    assert finish(resume(run, command=STUB)).state == RunState.DONE


@pytest.mark.parametrize("seconds", [0.5, 60])
def test_a_run_in_several_processes_goes_on_once_its_torchrun_is_gone(recipe, runs_dir, monkeypatch, seconds):
    """It outlives the process that writes the last word, and holds the port where hosts meet."""
    monkeypatch.setattr(processes, "_SECONDS_TO_DIE", 5)
    run = create_run(change_recipe(recipe, {"processes": 2}), runs_dir)
    with subprocess.Popen(["sleep", str(seconds)]) as torchrun:
        update_run(run.folder, state="failed", **identity(psutil.Process(torchrun.pid)))
        if seconds < 5:
            again = resume(run, command=STUB)
            assert torchrun.poll() == 0
            assert finish(again).state == RunState.DONE
            return
        with pytest.raises(RunActiveError, match="a worker is at work in its folder"):
            resume(run, command=STUB)
        assert torchrun.poll() is None
        torchrun.kill()


def test_a_worker_knows_nothing_of_the_group_of_the_one_that_started_it(recipe, runs_dir, monkeypatch):
    told = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "ROLE_NAME": "default"}
    told |= {"MASTER_ADDR": "localhost", "TORCHELASTIC_RUN_ID": "x", "PET_NNODES": "1", "OMP_NUM_THREADS": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    says = (sys.executable, "-c", f"import os; print(sorted(set({list(told)}) & set(os.environ)))")
    run = finish(launch(recipe, runs_dir, command=says))
    assert log_tail(run, lines=1) == "['OMP_NUM_THREADS', 'PET_NNODES']"


def test_a_run_that_heeds_nothing_is_ended_with_its_children(recipe, runs_dir):
    deaf = (sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])")
    run = launch(recipe, runs_dir, command=deaf)
    wait_for(lambda: psutil.Process(run.pid).children())
    (child,) = psutil.Process(run.pid).children()
    stop(run)
    assert end_now(run).state == RunState.STOPPED
    process_gone(run.pid)
    # Its new parent is the system, which may take a moment to collect it.
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(RunStateError):
        end_now(run)


def race(folder, recipe, barrier, started):
    """What each of two servers does at the same moment: launch a run, a hundred times."""
    asleep = ("/bin/sh", "-c", "sleep 60")
    for round_ in range(ROUNDS):
        runs_dir = folder / str(round_)
        barrier.wait(60)
        try:
            started.put((round_, launch(recipe, runs_dir, command=asleep).pid))
        except RunActiveError:
            started.put((round_, None))


def race_for_the_queue(folder, recipe, barrier, started):
    """What each of two servers does at the same moment: give the waiting run its turn, a hundred times."""
    asleep = ("/bin/sh", "-c", "sleep 60")
    for round_ in range(ROUNDS):
        runs_dir = folder / str(round_)
        barrier.wait(60)
        run = start_next(runs_dir, command=asleep)
        started.put((round_, run and run.pid))


@pytest.mark.parametrize("racer", [race, race_for_the_queue])
def test_two_servers_never_start_the_same_run_twice(recipe, tmp_path, racer):
    if racer is race_for_the_queue:
        for round_ in range(ROUNDS):
            create_run(recipe, tmp_path / str(round_))
    context = multiprocessing.get_context("spawn")
    barrier, started = context.Barrier(2), context.Queue()
    servers = [context.Process(target=racer, args=(tmp_path, recipe, barrier, started)) for _ in range(2)]
    for server in servers:
        server.start()
    outcomes = [started.get(timeout=60) for _ in range(2 * ROUNDS)]
    for server in servers:
        server.join(60)
    winners = [round_ for round_, pid in outcomes if pid is not None]
    for _, pid in outcomes:
        if pid is not None:
            os.killpg(pid, signal.SIGKILL)
    assert sorted(winners) == list(range(ROUNDS))
    assert all(len(list_runs(tmp_path / str(round_))) == 1 for round_ in range(ROUNDS))
