"""Runs of older versions with settings that finsent no longer has: they open and are compared, and do not go on."""

import json

import pytest

from finsent.errors import RemovedSettingError
from finsent.evaluation.classifier import Classifier, chosen_adapter
from finsent.evaluation.judge import evaluate_run
from finsent.recipe import get_recipe
from finsent.runs import worker
from finsent.runs.history import describe_run, history_table, settings_table
from finsent.runs.queue import resume
from finsent.runs.removed import removed_words
from finsent.runs.store import RunState, create_run, load_run, update_run
from tests.predictions import made_run, twelve


def old_run(runs_dir, recipe=None, **settings):
    """A run as an older version wrote it, with settings that its recipe had then."""
    return made_old(create_run(recipe or get_recipe("quick"), runs_dir), **settings)


def made_old(run, **settings):
    record = json.loads((run.folder / "run.json").read_text())
    record["recipe"] |= {"attention": "causal", "soup": 1, "early_stopping": 0} | settings
    del record["removed_settings"]
    record["schema_version"] = 1
    (run.folder / "run.json").write_text(json.dumps(record))
    return load_run(run.folder.parent, run.id)


def test_a_run_with_removed_settings_opens_and_shows_them_as_text(runs_dir):
    run = old_run(runs_dir, soup=2, early_stopping=3)
    assert run.recipe == get_recipe("quick")
    assert removed_words(run) == "soup=2, early_stopping=3"
    shown = settings_table(run).set_index("setting")["value"]
    assert shown["soup (removed)"] == "2"
    (listed,) = history_table([run]).to_dict("records")
    assert (listed["recipe"], listed["changed"]) == ("quick", "soup (removed), early_stopping (removed)")


def test_removed_settings_that_did_nothing_are_not_worth_a_word(runs_dir):
    run = old_run(runs_dir)
    assert run.recipe == get_recipe("quick")
    assert run.removed_settings == {}
    assert "soup (removed)" not in settings_table(run)["setting"].tolist()


def test_removed_settings_stay_when_the_record_is_written_again(runs_dir):
    run = describe_run(old_run(runs_dir, soup=2), "renamed", "")
    assert load_run(runs_dir, run.id).removed_settings == {"soup": 2}


def test_a_run_with_removed_settings_is_not_resumed(runs_dir):
    run = old_run(runs_dir, soup=2)
    update_run(run.folder, state=RunState.STOPPED)
    before = (run.folder / "run.json").read_bytes()
    with pytest.raises(RemovedSettingError, match="soup=2, which finsent no longer has"):
        resume(run)
    assert (run.folder / "run.json").read_bytes() == before


def test_a_run_that_waited_with_removed_settings_fails_in_words(runs_dir, tiny_recipe):
    run = old_run(runs_dir, tiny_recipe, early_stopping=2)
    assert worker.main(run.folder) == 1
    run = load_run(runs_dir, run.id)
    assert run.state == RunState.FAILED
    assert "early_stopping=2, which finsent no longer has" in run.error


def with_adapter(run):
    """Give a run something that looks like an adapter."""
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").touch()
    return run


def test_an_adapter_that_read_texts_both_ways_answers_no_new_ones(runs_dir, small_csv):
    run = with_adapter(old_run(runs_dir, attention="prefix", loss="answers"))
    with pytest.raises(RemovedSettingError, match="attention=prefix, which finsent no longer has"):
        Classifier.of_run(run)
    with pytest.raises(RemovedSettingError, match="choose another run, or launch a new one"):
        evaluate_run(run, small_csv)


def test_the_adapter_taken_by_itself_is_one_that_answers_new_texts(runs_dir):
    older, newer = (with_adapter(made_run(runs_dir, *twelve())) for _ in range(2))
    assert chosen_adapter(runs_dir).run == newer
    made_old(newer, attention="prefix")
    soup = made_old(older, soup=2)
    assert chosen_adapter(runs_dir).run == soup


def test_saved_predictions_of_such_an_adapter_are_compared(runs_dir, tiny_recipe):
    run = create_run(tiny_recipe, runs_dir)
    assert worker.main(run.folder) == 0
    figures = evaluate_run(load_run(runs_dir, run.id))
    run = made_old(run, attention="prefix")
    assert run.removed_settings == {"attention": "prefix"}
    assert evaluate_run(run) == figures
