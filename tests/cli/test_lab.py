"""The first page on the command line."""

from finsent.cli.main import main
from finsent.recipe import get_recipe
from finsent.runs.store import create_run, update_run
from tests.predictions import made_run, twelve


def test_without_runs_it_says_what_to_do(run_json, runs_dir, capsys):
    lab = run_json("lab")
    assert lab["result"] is None
    assert lab["machine"]["world"] == "embedded"


def test_the_result_has_its_verdict_and_an_example(run_json, judged):
    result = run_json("lab")["result"]
    assert result["run"] == judged.id
    assert result["why"] == "the newest finished run on these data"
    assert result["verdict"] in {"better", "worse", "unsettled"}
    assert result["sentences"]
    assert result["example"]["called_positive"] > 0


def test_the_pinned_run_is_taken_until_it_is_unpinned(run_json, judged, runs_dir):
    other = made_run(runs_dir, *twelve())
    for run in (judged, other):
        assert run_json("pin", run.id) == {"run": run.id, "pinned": True}
        lab = run_json("lab")
        assert (lab["pinned"], lab["result"]["run"], lab["result"]["why"]) == (run.id, run.id, "pinned")
    # RUN may be left out.
    assert run_json("evaluate") == run_json("evaluate", other.id) != run_json("evaluate", judged.id)
    assert run_json("unpin") == {"run": other.id, "pinned": False}
    assert run_json("unpin") == {"run": None, "pinned": False}
    assert run_json("lab")["pinned"] is None


def test_a_run_that_was_not_finished_is_named_with_what_to_do(run_json, runs_dir, capsys):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state="stopped", started=run.created, steps=12)
    assert run_json("lab")["unfinished"] == [{"run": run.id, "state": "stopped", "steps": 12}]
    assert main(["lab"]) == 0
    assert f"python -m finsent resume {run.id}" in capsys.readouterr().out
