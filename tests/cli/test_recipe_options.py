"""The settings of a run on the command line: what is refused, what the help lists, what a run would cost."""

import re
import shlex

import pytest

from finsent.cli.main import build_parser, main
from finsent.cost import speed
from finsent.data import prepared
from finsent.data.dataset import load_data
from finsent.recipe import RECIPES, change_recipe, get_recipe
from finsent.recipe_form import settings, show_value
from finsent.runs.store import list_runs, update_run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "name=foo"], "--name"),
        (["--set", "recipe=best"], "--recipe"),
        (["--set", "source=hub"], "--source"),
        (["--set", "model=embedded"], "--model"),
        (["--set", "epochs=1", "--set", "epochs=2"], "given twice"),
        (["--set", "epochs=1", "--set", " epochs =1"], "given twice"),
        (["--rows", "20", "--set", "rows=30"], "given twice"),
        (["--set", "=3"], "KEY=VALUE"),
        (["--recipe", "best", "--like", "latest"], "not allowed with"),
        (["--queue", "--estimate"], "not allowed with"),
    ],
)
def test_what_is_no_setting_or_given_twice_is_refused(refused, runs_dir, arguments, words):
    assert words in refused("train", "--estimate", *arguments)
    assert not list_runs(runs_dir)


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.name)
def test_the_help_of_train_lists_every_setting(capsys, setting):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    # Entries are indented by two characters, what belongs to them by six.
    entry = re.search(rf"\n  {setting.name}: (.*?)\n( {{2}})?(\S|\n|$)", text, re.S).group(1)
    entry = " ".join(entry.split())
    assert setting.reason in entry
    assert setting.range in entry
    assert all(option in entry for option in setting.options)
    for recipe in RECIPES.values():
        assert show_value(getattr(recipe, setting.name)) in entry


def test_an_estimate_launches_nothing_and_names_the_command(run_json, runs_dir, tiny_recipe):
    given = ["--source", tiny_recipe.source, "--model", tiny_recipe.model, "--set", "batch_size=4", "--rows", "48"]
    cost = run_json("train", "--estimate", *given)
    assert cost["rows"]["train"] == 48
    assert (cost["steps"], cost["warmup_steps"]) == (12, 1)
    assert cost["seconds"] is None
    assert "batch_size=4" in cost["command"]
    assert [warning["title"] for warning in cost["warnings"]] == ["Only 48 training rows", "Only 12 steps"]
    assert not list_runs(runs_dir)


def test_a_budget_picks_rows_that_fit_and_says_so(capsys, run_json, runs_dir, tiny_recipe):
    given = ["--source", tiny_recipe.source, "--model", tiny_recipe.model]
    assert main(["train", "--budget", "3m", "--estimate", *given]) == 2
    assert "nothing was measured on this machine" in capsys.readouterr().err
    assert main(["train", "--budget", "3m", "--estimate", "--from", "latest"]) == 2
    recipe = change_recipe(get_recipe("quick"), {"source": tiny_recipe.source, "model": tiny_recipe.model})
    file = speed._calibration_file(recipe, runs_dir)
    file.parent.mkdir()
    kept = speed.Speed(basis="a calibration", preparing=10, train_row=1, score_row=0.05, validation_row=0.05)
    file.write_text(kept.model_dump_json())
    cost = run_json("train", "--budget", "90s", "--estimate", *given)
    assert cost["seconds"] <= 90
    assert 50 <= cost["rows"]["train"] < run_json("train", "--estimate", *given)["rows"]["train"]
    assert "rows=" in cost["command"] or "--rows" in cost["command"]


def test_a_budget_measures_once_and_reads_its_data_once(run_json, monkeypatch, tiny_recipe):
    done = []
    kept = speed.Speed(basis="a calibration", preparing=10, train_row=1, score_row=0.05, validation_row=0.05)
    monkeypatch.setattr(speed, "calibrate", lambda *_: done.append("measured"))
    monkeypatch.setattr("finsent.cost.estimate.kept_calibration", lambda *_: kept)
    monkeypatch.setattr(prepared, "load_data", lambda *read: done.append("read") or load_data(*read))
    given = ["--source", tiny_recipe.source, "--model", tiny_recipe.model]
    cost = run_json("train", "--budget", "90s", "--measure", *given)
    assert done == ["read", "measured"]
    assert cost["seconds"] <= 90 and cost["rows"]["train"] >= 50


def test_what_keeps_a_run_from_learning_is_printed_with_its_cost(capsys, runs_dir, tiny_recipe):
    few = ["--source", tiny_recipe.source, "--model", tiny_recipe.model, "--rows", "16"]
    assert main(["train", "--estimate", *few]) == 0
    assert "Before you launch: Only 16 training rows." in capsys.readouterr().out


def test_a_run_like_another_takes_its_settings(run_json, runs_dir, judged):
    first = run_json("train", "--estimate", "--like", "latest")
    assert first["command"] == "python -m finsent train --recipe quick"
    changed = run_json("train", "--estimate", "--like", judged.id, "--set", "epochs=3")
    assert changed["steps"] == 3 * first["steps"]


def test_what_a_run_had_and_finsent_no_longer_has_is_left_out_in_words(capsys, runs_dir, judged):
    update_run(judged.folder, removed_settings={"soup": 2, "attention": "prefix"})
    assert main(["train", "--estimate", "--like", "latest"]) == 0
    assert "no longer has them: soup=2, attention=prefix" in capsys.readouterr().err


def test_the_help_is_made_of_docstrings_with_an_example_that_parses():
    commands = build_parser()._subparsers._group_actions[0].choices
    assert len(commands) > 15
    for name, parser in commands.items():
        example = re.search(r"Example: python -m finsent (.*?)(; |$)", parser.description, re.M).group(1)
        words = shlex.split(example)
        assert words[0] == name
        build_parser().parse_args(words)
