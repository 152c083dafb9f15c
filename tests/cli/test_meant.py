"""Commands that read a run's results, where RUN is left out: the pinned run or the best is taken, and that is said."""

import json

import pytest

from finsent.cli.main import build_parser, main
from finsent.cli.meant import answers_anew, meant_run
from finsent.runs.chosen import pin
from finsent.runs.origin import Origin
from finsent.runs.store import update_run
from tests.predictions import made_pair, made_run

COMMANDS = build_parser()._subparsers._group_actions[0].choices
#: What one run is worth, by every way of looking at it.
READING = {
    "evaluate",
    "answers",
    "report",
    "prior",
    "calibration",
    "threshold",
    "written",
    "neutral",
    "words",
    "repair",
}
READING |= {
    "annotations",
    "suspects",
    "corrections",
    "verify",
    "slices",
    "stories",
    "behave",
    "pushes",
    "show",
    "curves",
}
#: Those that need no more of a run than predictions that no model has made.
QUICK = ["answers", "neutral", "words", "annotations", "slices", "prior", "show"]


def told(capsys, *arguments):
    """Carry out a command and return what it prints as JSON, and what it says on standard error."""
    assert main([*arguments, "--json"]) == 0
    streams = capsys.readouterr()
    return json.loads(streams.out.strip().splitlines()[-1]), streams.err


def may_be_left_out(command):
    return any(action.dest in ("run", "runs") and action.nargs in ("?", "*") for action in command._actions)


def test_a_run_may_be_left_out_where_its_results_are_read_and_nowhere_else():
    assert {name for name, command in COMMANDS.items() if may_be_left_out(command)} == READING


@pytest.mark.parametrize("command", QUICK)
def test_the_run_that_is_taken_is_said_with_why(command, judged, runs_dir, capsys):
    made_run(runs_dir, *made_pair(160, seed=1, validation=60), name="newer")
    pin(judged)
    value, said = told(capsys, command)
    named, nothing = told(capsys, command, judged.id)
    assert value == named
    assert said == f"No run was named, so this is of {judged.title} ({judged.id}): pinned.\n"
    assert nothing == ""


@pytest.mark.parametrize("command", sorted(READING))
def test_without_runs_it_is_said_that_none_is_taken(refused, runs_dir, command):
    assert "none is taken by itself. Name a run, or launch one" in refused(command)


def test_a_run_that_cannot_be_looked_at_in_this_way_is_not_taken(refused, judged, runs_dir):
    assert "none is taken" in refused("pushes")
    judged.adapter_dir.mkdir()
    (judged.adapter_dir / "adapter_model.safetensors").touch()
    made_run(runs_dir, *made_pair(160, validation=60))
    assert meant_run(build_parser().parse_args(["pushes"]), answers_anew).id == judged.id


def test_the_run_whose_changes_are_told_is_one_that_continues_another(refused, judged, runs_dir, capsys):
    assert "none is taken" in refused("verify")
    child = made_run(runs_dir, *made_pair(160, validation=60, gain=2.0), name="child")
    update_run(child.folder, origin=Origin(parent=judged.id))
    pin(judged)
    value, said = told(capsys, "verify")
    assert (value["run"], value["parent"]) == (child.id, judged.id)
    assert f"child ({child.id})" in said
