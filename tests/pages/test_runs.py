"""The Runs page: the history, a run's record, renaming and deleting."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipes import get_recipe
from finsent.runs import create_run, list_runs, load_run, update_run
from tests.test_history import COMPARISON

APP = Path(__file__).parents[2] / "streamlit_app.py"


@pytest.fixture
def app(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page("pages/runs.py")


@pytest.fixture
def run(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="one")
    run.evaluation_file.write_text(json.dumps(COMPARISON))
    return update_run(run.folder, state="done", steps=12)


def test_without_runs_the_page_leads_to_the_first_one(app):
    app.run()
    assert not app.exception
    assert "no run yet" in app.info[0].value


def test_the_history_lists_every_run_with_its_figures(app, run, runs_dir):
    other = create_run(get_recipe("tutorial"), runs_dir)
    table = app.run().dataframe[0].value
    assert table["run"].tolist() == [other.id, run.id] if other.id > run.id else [run.id, other.id]
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
    assert "30.0% before, 85.0% after (n = 132 test rows)" in sentence
    assert "(n = 48)" in sentence


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
