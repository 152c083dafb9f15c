"""Whoever computes beside a run asks its worker for a core, and gives it back."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from finsent.runs import cores, sharing
from finsent.runs.cores import computing_beside_runs
from finsent.runs.processes import boot_id
from finsent.runs.sharing import ask_for_core, asked_for_core, give_core_back
from finsent.runs.store import update_run
from tests.at_work import run_at_work


@pytest.fixture
def at_work(runs_dir, two_cores):
    """A run at work on both cores, and what its worker would know."""
    with run_at_work(runs_dir) as run:
        run = update_run(run.folder, host=socket.gethostname(), boot=boot_id())
        with asked_for_core(run.asked_file) as asked:
            yield run, asked


def test_a_core_is_asked_for_while_somebody_computes(at_work):
    _, asked = at_work
    assert not asked()
    with computing_beside_runs():
        assert asked()
    assert not asked()


def test_it_is_given_back_though_the_computation_fails(at_work):
    with pytest.raises(RuntimeError, match="broken"), computing_beside_runs():
        raise RuntimeError("broken")
    assert not at_work[1]()


def test_where_cores_are_left_none_is_asked_for(at_work, two_cores):
    import psutil

    run, asked = at_work
    psutil.Process(run.pid).cpu_affinity(two_cores[:1])
    with computing_beside_runs():
        assert not asked()


def test_what_somebody_who_was_killed_asked_for_lapses(at_work, monkeypatch):
    run, asked = at_work
    monkeypatch.setattr(sharing, "_SECONDS", 0.2)
    ask_for_core(run)
    assert asked()
    time.sleep(0.3)
    assert not asked()


def test_long_work_asks_again_and_follows_the_run(at_work, monkeypatch):
    monkeypatch.setattr(cores, "_SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(sharing, "_SECONDS", 0.2)
    run, asked = at_work
    with computing_beside_runs() as threads:
        report = threads.follow(None)
        time.sleep(0.3)
        assert not asked()
        report(1, 3)
        assert asked()
        update_run(run.folder, state="done")
        report(2, 3)
        assert not asked()


def test_a_run_on_another_machine_is_not_asked(at_work):
    run, asked = at_work
    ask_for_core(update_run(run.folder, host="elsewhere"))
    assert not asked()


def test_asking_makes_no_file_and_no_folder(at_work, tmp_path):
    run, _ = at_work
    run.asked_file.unlink()
    ask_for_core(run)
    give_core_back(run)
    assert not run.asked_file.exists()


@pytest.mark.parametrize("there", ["folder", "nothing to write in"])
def test_a_worker_that_cannot_have_the_file_goes_on_without(tmp_path, there):
    file = tmp_path / "run" / ".asked"
    if there == "folder":
        file.mkdir(parents=True)
    with asked_for_core(file) as asked:
        assert not asked()


def test_the_file_goes_with_the_work(at_work, tmp_path):
    with pytest.raises(RuntimeError), asked_for_core(tmp_path / ".asked"):
        assert (tmp_path / ".asked").exists()
        raise RuntimeError
    assert not (tmp_path / ".asked").exists()


def test_several_processes_of_a_run_have_the_same_file(tmp_path):
    file = tmp_path / ".asked"

    def come_and_go():
        for _ in range(1000):
            with asked_for_core(file) as asked:
                assert not asked()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(come_and_go) for _ in range(4)]:
            done.result()


def test_what_was_asked_is_seen_by_all_of_them(at_work):
    run, asked = at_work
    with asked_for_core(run.asked_file) as also:
        ask_for_core(run)
        assert asked() and also()
