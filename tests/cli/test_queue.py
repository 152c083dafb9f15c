"""The queue on the command line: a run waits while another is at work, is listed, taken out, ended at once."""

import psutil
import pytest

from finsent.cli.main import main
from finsent.runs.store import RunState, create_run, load_run, update_run


@pytest.fixture
def submit(run_json, tiny_recipe):
    def submit(*more):
        return run_json("train", "--queue", "--source", tiny_recipe.source, "--model", tiny_recipe.model, *more)

    return submit


def test_a_run_waits_is_listed_and_taken_out(submit, run_json, refused, runs_dir):
    first, second = submit("--name", "one"), submit("--name", "two")
    third = submit()
    assert [one["waiting"] for one in (first, second, third)] == [False, True, True]
    assert [one["before"] for one in (first, second, third)] == [0, 0, 1]
    queue = run_json("queue")
    assert queue["at_work"]["run"] == first["run"]
    assert [(one["run"], one["name"]) for one in queue["waiting"]] == [(second["run"], "two"), (third["run"], "")]
    run_json("queue", "--take-out", "two")
    run_json("stop", third["run"])
    assert run_json("queue")["waiting"] == []
    assert load_run(runs_dir, second["run"]).state == RunState.STOPPED
    assert "does not wait" in refused("queue", "--take-out", first["run"])

    pid = load_run(runs_dir, first["run"]).pid
    assert run_json("stop", "one", "--now")["state"] == "stopped"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert "no process" in refused("stop", "one", "--now")
    assert run_json("queue") == {"at_work": None, "waiting": []}


def test_a_stop_is_asked_for(submit, run_json, runs_dir):
    run = load_run(runs_dir, submit()["run"])
    assert run_json("stop", run.id)["stopping"]
    assert (run.folder / "stop").exists()
    run_json("stop", run.id, "--now")


def test_a_run_at_work_is_watched_to_its_end(submit, run_json):
    run = submit()["run"]
    run_json("stop", run, "--now")
    assert run_json("watch", run)["state"] == "stopped"


def test_speed_is_not_measured_beside_a_run(submit, refused, run_json):
    run = submit()["run"]
    assert "at work" in refused("train", "--measure")
    assert "at work" in refused("train", "--measure", "--budget", "3m")
    assert "at work" in refused("memory", "--measure")
    run_json("stop", run, "--now")


def test_a_run_that_failed_makes_the_command_that_follows_it_fail(runs_dir, tiny_recipe, capsys):
    run = create_run(tiny_recipe, runs_dir)
    update_run(run.folder, state=RunState.FAILED, error="There was no room.")
    assert main(["watch", run.id]) == 1
    assert "There was no room." in capsys.readouterr().out
    # To look at it is no failure.
    assert main(["show", run.id]) == 0
    assert main(["runs"]) == 0


def test_a_group_of_seeds_is_queued_stopped_and_refused_where_it_is_none(submit, run_json, refused, runs_dir):
    queued = submit("--seeds", "3", "--name", "luck")
    assert [(one["seed"], one["waiting"]) for one in queued["runs"]] == [(42, False), (43, True), (44, True)]
    assert len(run_json("queue")["waiting"]) == 2
    told = run_json("stop", "luck", "--now")
    assert sorted(told["runs"]) == sorted(one["run"] for one in queued["runs"])
    ended = run_json("watch", queued["group"])
    assert {one["state"] for one in ended["runs"]} == {"stopped"}
    assert "from 2 to 10" in refused("train", "--seeds", "1", "--queue")
    assert "is no group" in refused("stop", "seeds-ffffff")
    assert "is at work" in refused("stop", "luck")


def test_the_cost_of_three_seeds_is_that_of_three_runs(run_json, tiny_recipe):
    given = ["--estimate", "--source", tiny_recipe.source, "--model", tiny_recipe.model]
    assert run_json("train", *given)["seeds"] == 1
    assert run_json("train", *given, "--seeds", "3")["seeds"] == 3
