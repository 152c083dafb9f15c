"""The Runs page: the history, a run's record, renaming and deleting."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.evaluation.disagreement import agreement_sentence, row_answers, runs_disagree
from finsent.evaluation.several_runs import compare_runs, pair_verdict
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.history import save_comparison
from finsent.runs.origin import Origin
from finsent.runs.store import create_run, list_runs, load_run, update_run
from pages.shared import places
from pages.shared.ui import plain_markdown
from tests.hostile import EVIL, EVIL_NAME, READ
from tests.pages.test_shown import shown
from tests.predictions import made_pair, made_run
from tests.runs.test_history import COMPARISON

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def app(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page(places.RUNS)


@pytest.fixture
def run(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="one")
    save_comparison(run, COMPARISON)
    return update_run(run.folder, state="done", steps=12)


def test_without_runs_the_page_leads_to_the_first_one(app):
    app.run()
    assert not app.exception
    assert "no run yet" in app.info[0].value


def test_the_history_lists_every_run_with_its_figures(app, run, runs_dir):
    other = create_run(get_recipe("tutorial"), runs_dir)
    table = app.run().dataframe[0].value
    assert table["run"].tolist() == [other.id, run.id]
    row = table.set_index("run").loc[run.id]
    assert (row["accuracy before"], row["accuracy after"], row["n"]) == (0.3, 0.85, 132)


def open_run(app, run):
    app.query_params["run"] = run.id
    return app.run()


def test_a_run_named_by_the_address_is_open(app, run):
    open_run(app, run)
    assert not app.exception
    assert "one" in [element.value for element in app.subheader]
    sentence = next(element.value for element in app.markdown if element.value.startswith("Accuracy"))
    sentence = sentence.replace("\\", "")
    assert "30.0% before, 85.0% after (n = 132 test rows)" in sentence
    assert "(n = 48)" in sentence


def test_a_click_on_any_cell_of_a_run_opens_it_and_ticks_compare(app, run, runs_dir):
    other = update_run(create_run(get_recipe("quick"), runs_dir, name="two").folder, state="stopped")
    key = f"history-0-{hash((other.id, run.id))}"

    def choose(rows, cells):
        app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": cells}}
        assert not app.run().exception
        return app.query_params.get("run")

    assert choose([], [(1, "accuracy after")]) == run.id
    assert "one" in [element.value for element in app.subheader]
    assert choose([0, 1], [(1, "accuracy after")]) == [other.id, run.id]
    assert "Side by side" in [element.value for element in app.subheader]
    assert choose([0, 1], [(0, "name")]) == other.id


def test_the_chosen_run_stays_chosen_when_another_one_comes(app, run, runs_dir):
    open_run(app, run)
    other = update_run(create_run(get_recipe("quick"), runs_dir, name="two").folder, state="stopped")
    app.run()
    assert len(app.dataframe[0].value) == 2
    assert [element.value for element in app.subheader if element.value in ("one", "two")] == ["one"]
    assert app.query_params["run"] == run.id != other.id


def test_renaming_and_noting(app, run, runs_dir):
    open_run(app, run)
    app.text_input[0].set_value("better name")
    app.text_input[1].set_value("=note")
    next(button for button in app.button if button.label == "Save").click().run()
    again = load_run(runs_dir, run.id)
    assert (again.name, again.note) == ("better name", "=note")


def test_deleting_asks_and_deletes(app, run, runs_dir):
    open_run(app, run)
    app.button(key=f"delete-{run.id}").click().run()
    assert not app.exception
    assert list_runs(runs_dir) == []
    assert "no run yet" in app.info[0].value


def spoil(runs_dir):
    """A run whose record is half a file."""
    damaged = create_run(get_recipe("quick"), runs_dir)
    (damaged.folder / "run.json").write_text("{ half")
    damaged.log_file.write_text("what the worker said\n")
    return damaged


@pytest.mark.parametrize("alone", [True, False])
def test_a_damaged_run_is_shown_apart_with_its_log_and_can_be_deleted(app, runs_dir, alone):
    damaged = spoil(runs_dir)
    if not alone:
        update_run(create_run(get_recipe("quick"), runs_dir).folder, state="stopped")
    app.run()
    assert not app.exception
    assert any("run.json is damaged" in element.value for element in app.text)
    assert any("what the worker said" in element.value for element in app.code)
    app.button(key=f"delete-{damaged.id}").click().run()
    assert not app.exception
    assert not damaged.folder.exists()
    assert len(list_runs(runs_dir)) == (0 if alone else 1)


def test_deleting_a_copy_on_the_page_leaves_the_original(app, run, runs_dir):
    copy = runs_dir / f"{run.id}-copy"
    shutil.copytree(run.folder, copy)
    app.run()
    assert app.dataframe[0].value["run"].tolist() == [run.id]
    app.button(key=f"delete-{copy.name}").click().run()
    assert run.folder.is_dir() and not copy.exists()


def test_an_address_that_means_no_run_or_several_says_so(app, run, runs_dir):
    update_run(create_run(get_recipe("quick"), runs_dir).folder, state="stopped")
    app.query_params["run"] = ["20", "no such"]
    app.run()
    assert not app.exception
    told = " ".join(element.value for element in app.warning)
    assert "could be any of 2 runs" in told and "There is no run" in told


@pytest.mark.parametrize("words", ["one", "latest"])
def test_the_address_takes_what_the_command_line_takes(app, run, words):
    app.query_params["run"] = words
    app.run()
    assert not app.exception and not app.warning
    assert app.query_params["run"] == run.id


@pytest.fixture
def two(runs_dir):
    """Two runs of different seeds that were judged on the same rows."""
    baseline, tuned = made_pair(260, seed=1, validation=60)
    first = made_run(runs_dir, baseline, tuned, name="first")
    second = made_run(runs_dir, baseline, made_pair(260, seed=1, validation=60, gain=0.4)[1], name="second")
    seven = change_recipe(second.recipe, {"seed": 7})
    return first, update_run(second.folder, recipe=seven)


def words(app):
    shown = "\n".join(element.value for element in (*app.markdown, *app.caption))
    return shown.replace("\\", "").replace("\u00a0", " ")


def test_two_ticked_runs_are_compared_in_settings_verdict_and_rows(app, two):
    first, second = two
    app.query_params["run"] = [first.id, second.id]
    app.run()
    assert not app.exception
    tables = [element.value for element in app.dataframe]
    (settings,) = [table for table in tables if "setting" in table]
    assert settings.to_dict("records") == [{"setting": "seed", "second": "7", "first": "42"}]
    tests = compare_runs([second, first])
    (pair,) = [pair for pair in tests.pairs if "baseline" not in (pair.first, pair.second)]
    assert plain_markdown(pair_verdict(pair)).replace("\\", "") in words(app)
    assert f"Cochran's Q = {tests.q:.2f}" in words(app)
    (differ,) = [table for table in tables if "right" in table]
    found = runs_disagree([second, first])
    assert differ["row_id"].tolist() == found.rows["row_id"].tolist() != []
    assert differ["first sure"].tolist() == found.rows["first sure"].tolist()
    assert f"Rows where they disagree: {len(differ):,} of {tests.n:,}" in words(app)
    assert agreement_sentence(found.pairs[0]) in words(app)


def test_a_row_on_which_runs_disagree_opens_with_what_each_says(app, two):
    app.query_params["run"] = [run.id for run in two]
    app.run()
    found = runs_disagree([two[1], two[0]])
    row = found.rows.iloc[1]
    key = f"disagree-{hash((found.names, *found.rows['row_id']))}"
    app.session_state[key] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert row["text"] in [element.value for element in app.text]
    (said,) = [element.value for element in app.dataframe if {"run", "probability"} <= set(element.value)]
    assert said.to_dict("list") == row_answers(found, row).to_dict("list")


def test_names_of_runs_that_disagree_or_continue_are_shown_letter_by_letter(app, two, runs_dir):
    first, second = two
    update_run(first.folder, name=EVIL)
    first.folder.rename(runs_dir / EVIL_NAME)
    record = json.loads((runs_dir / EVIL_NAME / "run.json").read_text())
    (runs_dir / EVIL_NAME / "run.json").write_text(json.dumps(record | {"id": EVIL_NAME}))
    update_run(second.folder, origin=Origin(parent=EVIL_NAME))
    third = made_run(runs_dir, *made_pair(60), name="third")
    update_run(third.folder, origin=Origin(parent=EVIL))
    app.query_params["run"] = [EVIL_NAME, second.id]
    app.run()
    assert "Rows where they disagree" in words(app)
    quoted_as_it_is(app, EVIL)
    for chosen, quoted in ((second, EVIL_NAME), (third, f"run {EVIL}, removed")):
        app.query_params["open"] = chosen.id
        quoted_as_it_is(app.run(), quoted)


def quoted_as_it_is(app, quoted):
    assert not app.exception
    texts = list(shown(app.main))
    assert not [(text, mark) for text in texts for mark in READ if mark in text.replace("\\<", "")]
    assert any(plain_markdown(quoted) in text for text in texts)


def test_a_renamed_run_goes_by_its_new_name_at_once(app, two):
    app.query_params["run"] = [run.id for run in two]
    app.run()
    update_run(two[0].folder, name="renamed")
    app.run()
    assert not app.exception
    assert "“second” and “renamed” answer alike on" in words(app)


def test_the_rows_on_which_three_runs_disagree_follow_the_labels_and_the_chosen_rows(app, two, runs_dir):
    third = made_run(runs_dir, *made_pair(260, seed=1, validation=60, gain=0.8), name="third")
    app.query_params["run"] = [run.id for run in (*two, third)]
    app.run()
    assert not app.exception
    runs = [third, two[1], two[0]]
    for classes in (3, 5):
        app.segmented_control(key="several-classes").set_value(classes).run()
        found = runs_disagree(runs, classes=classes)
        (differ,) = [element.value for element in app.dataframe if "right" in element.value]
        assert differ["row_id"].tolist() == found.rows["row_id"].tolist()
        assert len(found.pairs) == 3
        assert all(agreement_sentence(pair) in words(app) for pair in found.pairs)


def test_runs_that_agree_on_every_row_say_so(app, runs_dir):
    runs = [made_run(runs_dir, *made_pair(60), name=name) for name in ("first", "second")]
    app.query_params["run"] = [run.id for run in runs]
    app.run()
    assert not app.exception
    assert "Rows where they disagree: 0 of 60" in words(app)
    assert "answer alike on 60 of 60 rows (100.0%" in words(app)


def test_runs_on_other_rows_get_a_sentence(app, two, runs_dir):
    stranger = made_run(runs_dir, *made_pair(50, seed=7), name="stranger")
    app.query_params["run"] = [two[0].id, stranger.id]
    app.run()
    assert not app.exception
    assert "not judged on the same rows" in app.error[0].value.replace("\\", "")


def test_a_ticked_run_without_figures_says_so_and_the_rest_is_compared(app, two, runs_dir):
    bare = update_run(create_run(get_recipe("quick"), runs_dir, "bare").folder, state="stopped")
    app.query_params["run"] = [two[0].id, bare.id]
    app.run()
    assert not app.exception
    assert "bare has not been judged" in words(app)


def test_the_figures_that_matter_stand_in_the_first_columns(app, run):
    shown = json.loads(app.run().dataframe[0].proto.columns)
    order = list(app.dataframe[0].proto.column_order)
    assert order[:6] == [
        "name",
        *(f"{figure} {when}" for figure in ("accuracy", "neutral as positive") for when in ("before", "after")),
        "n",
    ]
    # The width of a page of 1440 pixels, tick boxes off.
    first = order[: order.index("changed") + 1]
    assert sum(shown[name]["width"] for name in first) <= 940


def test_the_runs_that_a_run_continues_are_a_line_of_links(app, runs_dir):
    first = create_run(get_recipe("quick"), runs_dir, "first *one*")
    second = create_run(get_recipe("quick"), runs_dir, "second")
    third = create_run(get_recipe("quick"), runs_dir, "third")
    for child, parent in ((first, "20260101-000000-abcdef"), (second, first.id), (third, second.id)):
        update_run(child.folder, state="stopped", origin=Origin(parent=parent))
    open_run(app, third)
    assert not app.exception
    links = [element.proto for element in app.get("page_link") if "open=" in element.proto.query_string]
    assert [link.query_string for link in links] == [f"open={run.id}&link=0" for run in (first, second, third)]
    assert [link.label for link in links] == [r"first \*one\*", "second", "third"]
    assert "run 20260101-000000-abcdef, removed" in words(app)
    # A link on the page itself is followed over what was ticked, once.
    app.query_params["open"] = first.id
    app.run()
    assert not app.exception and "open" not in app.query_params
    assert app.query_params["run"] == first.id
    assert "first *one*" in [element.value.replace("\\", "") for element in app.subheader]
    app.run()
    assert app.query_params["run"] == first.id


def test_a_run_that_starts_from_the_base_model_has_no_chain(app, run):
    open_run(app, run)
    assert not [element for element in app.get("page_link") if "open=" in element.proto.query_string]
    assert "Continued:" not in words(app)
