"""The Train page: a form that says what the recipe checks, a launch, and a run that is found again."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.cost import speed
from finsent.data import dataset
from finsent.models.base import MODELS
from finsent.recipe import change_recipe, get_recipe
from finsent.recipe_form import settings
from finsent.runs import queue as launcher
from finsent.runs import starting
from finsent.runs.queue import follow, stop
from finsent.runs.store import (
    RunState,
    active_run,
    create_run,
    list_runs,
    load_run,
    stop_requested,
    update_run,
    waiting_runs,
)
from pages.shared import places
from pages.train import form
from tests.runs.test_queue import STUB, model_folder  # noqa: F401

pytestmark = pytest.mark.usefixtures("forked_workers")
APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def app(runs_dir, monkeypatch):
    monkeypatch.setattr(starting, "worker_command", lambda recipe: STUB)
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page(places.TRAIN)


@pytest.fixture
def slow_run(runs_dir, model_folder, monkeypatch):  # noqa: F811
    """A run of a stub worker that is at work until it is told to stop."""
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.3")
    monkeypatch.setenv("STUB_STEPS", "500")
    recipe = change_recipe(get_recipe("quick"), {"model": str(model_folder), "lora_rank": 4})
    run = launcher.launch(recipe, runs_dir, "slow", command=STUB)
    next(run for run in follow(run, 0.05) if run.state == RunState.TRAINING and run.steps >= 2)
    yield run
    if load_run(runs_dir, run.id).active:
        stop(run)
        list(follow(run, 0.05))


def captions(app):
    return " ".join(element.value for element in app.caption)


def link_to(app, run):
    """Follow a link to the form that duplicates a run."""
    app.query_params.clear()
    app.query_params["like"] = run.id
    app.run()


def open_parts(app, *keys):
    """Open expanders whose content is made on demand, and run the page."""
    for key in keys:
        app.session_state[key] = True
    app.run()


def launch_button(app):
    return app.button(key="launch")


def test_every_setting_is_in_the_form_with_its_reason_and_the_recipes_value(app):
    app.run()
    assert not app.exception
    recipe = get_recipe("quick")
    inputs = {
        widget.key: widget
        for kind in ("number_input", "selectbox", "multiselect", "toggle")
        for widget in app.get(kind)
    }
    for setting in settings():
        widget = inputs[f"quick-{setting.name}"]
        assert setting.reason in widget.help
        value = getattr(recipe, setting.name)
        assert widget.value == (list(value) if isinstance(value, tuple) else value)


def test_differences_from_the_recipe_are_shown(app):
    app.run()
    assert "exactly as in the recipe quick" in captions(app)
    app.number_input(key="quick-lora_rank").set_value(16).run()
    assert "1 changed from the recipe quick" in captions(app)
    assert app.dataframe[0].value.to_dict("records") == [{"setting": "lora_rank", "recipe": "8", "this run": "16"}]


def test_choosing_another_recipe_brings_its_settings(app):
    app.run()
    app.selectbox(key="recipe").set_value("tutorial").run()
    assert not app.exception
    assert app.number_input(key="tutorial-gradient_accumulation").value == 5
    # Its data are the hub's, which is out of reach here: one sentence, and no launch.
    assert len(app.error) == 1
    assert launch_button(app).disabled


def test_settings_that_do_not_go_together_are_one_sentence(app):
    app.run()
    app.number_input(key="quick-rows").set_value(8)
    app.number_input(key="quick-batch_size").set_value(16).run()
    assert len(app.error) == 1
    assert "smaller than batch" in app.error[0].value
    assert not [button for button in app.button if button.key == "launch"]


def test_a_warm_up_that_is_cut_short_is_said(app):
    app.run()
    assert "Warm-up" not in captions(app)
    app.number_input(key="quick-rows").set_value(24).run()
    assert "No warm-up, not one over 10 steps: it takes a tenth of a run's steps at most." in captions(app)


def test_what_keeps_a_run_from_learning_stands_beside_launch_and_forbids_nothing(app):
    app.run()
    assert not app.warning
    app.number_input(key="quick-rows").set_value(24).run()
    words = [element.value for element in app.warning]
    assert [text.split("**")[1] for text in words] == ["Only 24 training rows.", "Only 3 steps."]
    assert "10 epochs" in words[1]
    assert not launch_button(app).disabled


def test_a_warning_of_a_run_and_its_removed_settings_are_shown(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state="done", warning="This run learned nothing.", removed_settings={"soup": 2})
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception
    assert [element.value.replace("\\", "") for element in app.warning] == ["This run learned nothing."]
    assert "settings that finsent no longer has: soup=2" in captions(app).replace("\\", "")


def test_no_measured_run_means_no_number(app):
    app.run()
    assert "not measured yet" in captions(app)


def test_launching_starts_the_run_that_the_form_describes(app, runs_dir, model_folder, monkeypatch):  # noqa: F811
    # AppTest cannot type a new option into a select box, so the folder is offered as one.
    monkeypatch.setitem(MODELS, str(model_folder), "Stub model")
    app.run()
    app.selectbox(key="quick-model").set_value(str(model_folder))
    app.number_input(key="quick-rows").set_value(64)
    app.text_input(key="launch-name").set_value("from the page").run()
    launch_button(app).click().run()
    assert not app.exception
    (run,) = list_runs(runs_dir)
    assert (run.name, run.recipe.rows, run.recipe.model) == ("from the page", 64, str(model_folder))
    assert app.query_params["run"] == run.id
    end = list(follow(run, 0.05))[-1]
    assert end.state == RunState.DONE
    app.run()
    assert ":green-badge[:material/check_circle: done]" in [element.value for element in app.markdown]
    assert "20 points of training loss, last at step 20" in captions(app)


def test_the_form_and_its_launch_read_the_data_once(
    app,
    runs_dir,
    small_csv,
    tmp_path,
    model_folder,  # noqa: F811
    monkeypatch,
):
    data = shutil.copy(small_csv, tmp_path / "once.csv")
    monkeypatch.setitem(MODELS, str(model_folder), "Stub model")
    monkeypatch.setitem(form.SOURCES, str(data), "Mine")
    read, seen = dataset.local_table, []
    monkeypatch.setattr(dataset, "local_table", lambda path: seen.append(path) or read(path))
    app.run()
    app.selectbox(key="quick-model").set_value(str(model_folder))
    app.selectbox(key="quick-data").set_value(str(data)).run()
    app.number_input(key="quick-rows").set_value(64).run()
    launch_button(app).click().run()
    assert not app.exception
    (run,) = list_runs(runs_dir)
    assert run.recipe.source == str(data)
    assert seen == [data]


def test_an_active_run_is_found_without_session_state_and_shows_its_own_settings(app, slow_run):
    open_parts(app, "another-run", f"settings-{slow_run.id}")
    assert not app.exception
    assert "slow" in [element.value for element in app.subheader]
    assert re.search("points? of training loss", captions(app))
    assert launch_button(app).label == "Add to the queue"
    own = next(frame.value for frame in app.dataframe if "setting" in frame.value and "recipe" in frame.value)
    assert own.set_index("setting").loc["lora_rank"].tolist() == ["4", "8"]


def test_a_link_that_prepares_a_run_shows_its_form_beside_the_run_at_work(app, slow_run):
    app.query_params.update({"recipe": "quick", "quick-epochs": "2"})
    app.run()
    assert not app.exception
    assert launch_button(app).label == "Add to the queue"
    assert "the one that you prepare stands below it" in captions(app)


def test_log_tables_and_provenance_of_a_run_are_made_when_they_are_opened(app, slow_run):
    app.run()
    assert not app.dataframe
    assert not app.code
    open_parts(app, *(f"{part}-{slow_run.id}" for part in ("tables", "log", "provenance")))
    assert not app.exception
    columns = [set(frame.value.columns) for frame in app.dataframe]
    assert {"step", "train/loss"} <= columns[0]
    assert {"step", "value", "low", "high", "n", "of"} == columns[1]
    assert {"step", "train/grad_norm"} <= columns[2]
    assert len(columns) == 4
    assert len(app.code) == 1


def test_stopping_asks_the_worker(app, slow_run):
    app.run()
    app.button(key=f"stop-{slow_run.id}").click().run()
    assert stop_requested(slow_run.folder)
    end = list(follow(slow_run, 0.05))[-1]
    assert end.state == RunState.STOPPED
    app.run()
    assert not app.exception


def test_a_stopped_run_says_up_to_where(app, slow_run, runs_dir):
    stop(slow_run)
    end = list(follow(slow_run, 0.05))[-1]
    app.query_params["run"] = slow_run.id
    app.run()
    assert f"step {end.steps}" in app.warning[0].value
    assert active_run(runs_dir) is None


def test_a_run_that_does_not_exist_is_a_sentence_and_the_form_stays(app):
    app.query_params["run"] = "../../etc"
    app.run()
    assert not app.exception
    assert "There is no run" in app.warning[0].value
    assert launch_button(app)


def test_a_lost_run_shows_its_last_words(app, runs_dir, model_folder):  # noqa: F811
    recipe = change_recipe(get_recipe("quick"), {"model": str(model_folder)})
    run = launcher.launch(recipe, runs_dir, command=(sys.executable, "-c", "raise SystemExit('out of *luck*')"))
    list(follow(run, 0.05))
    app.query_params["run"] = run.id
    app.run()
    assert r"out of \*luck\*" in app.error[0].value


def test_a_waiting_run_starts_when_somebody_looks_at_it(app, runs_dir, model_folder):  # noqa: F811
    run = create_run(change_recipe(get_recipe("quick"), {"model": str(model_folder)}), runs_dir)
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception
    assert not load_run(runs_dir, run.id).waiting
    list(follow(run, 0.05))


def test_a_second_run_waits_and_is_taken_out_again(app, slow_run, runs_dir, model_folder, monkeypatch):  # noqa: F811
    monkeypatch.setitem(MODELS, str(model_folder), "Stub model")
    open_parts(app, "another-run")
    app.selectbox(key="quick-model").set_value(str(model_folder)).run()
    launch_button(app).click().run()
    assert not app.exception
    (waiting,) = waiting_runs(runs_dir)
    assert any(words.value.startswith("1. quick") and "since" in words.value for words in app.markdown)
    app.button(key=f"take-out-{waiting.id}").click().run()
    assert load_run(runs_dir, waiting.id).state == RunState.STOPPED
    assert load_run(runs_dir, slow_run.id).active


def test_a_lost_run_is_resumed_from_its_page(app, runs_dir, model_folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("STUB_DIE_AT", "3")
    recipe = change_recipe(get_recipe("quick"), {"model": str(model_folder)})
    run = launcher.launch(recipe, runs_dir, command=STUB)
    assert list(follow(run, 0.05))[-1].state == RunState.LOST
    monkeypatch.delenv("STUB_DIE_AT")
    app.query_params["run"] = run.id
    app.run()
    app.button(key=f"resume-{run.id}").click().run()
    assert not app.exception
    assert list(follow(run, 0.05))[-1].state == RunState.DONE


def test_a_run_is_duplicated_with_its_settings(app, slow_run):
    app.query_params["like"] = slow_run.id
    app.run()
    assert not app.exception
    assert app.number_input(key=f"{slow_run.id}-lora_rank").value == 4
    assert app.selectbox(key=f"{slow_run.id}-model").value == slow_run.recipe.model
    app.button(key="no-like").click().run()
    open_parts(app, "another-run")
    assert app.number_input(key="quick-lora_rank").value == 8


def test_the_recipe_best_keeps_the_mean_of_late_adapters(app):
    app.run()
    app.selectbox(key="recipe").set_value("best").run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="best-checkpoint").value == "averaged"


def test_three_seeds_are_launched_as_a_group_shown_stopped_and_resumed(app, runs_dir, model_folder, monkeypatch):  # noqa: F811
    monkeypatch.setitem(MODELS, str(model_folder), "Stub model")
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.3")
    monkeypatch.setenv("STUB_STEPS", "500")
    app.run()
    app.selectbox(key="quick-model").set_value(str(model_folder))
    app.button_group(key="seeds").set_value(3).run()
    assert "3 runs that differ in the seed alone" in captions(app)
    launch_button(app).click().run()
    assert not app.exception
    runs = list_runs(runs_dir)
    assert sorted(run.recipe.seed for run in runs) == [42, 43, 44]
    assert len({run.group.id for run in runs}) == 1
    group = runs[0].group.id
    assert "3 seeds" in " ".join(element.value for element in app.markdown)
    app.button(key=f"stop-{group}").click().run()
    list(follow(active_run(runs_dir), 0.05)) if active_run(runs_dir) else None
    assert {run.state for run in list_runs(runs_dir)} == {RunState.STOPPED}
    app.run()
    app.button(key=f"resume-{group}").click().run()
    assert not app.exception
    assert len(waiting_runs(runs_dir)) == 2
    app.button(key=f"stop-{group}").click().run()
    list(follow(active_run(runs_dir), 0.05)) if active_run(runs_dir) else None


def test_a_time_picks_epochs_and_rows_and_what_it_picked_is_said(app, runs_dir):
    app.run()
    app.button(key="budget").click().run()
    assert "nothing was measured on this machine" in " ".join(error.value for error in app.error)
    file = speed._calibration_file(get_recipe("quick"), runs_dir)
    file.parent.mkdir(exist_ok=True)
    kept = speed.Speed(basis="a calibration", preparing=10, train_row=0.2, score_row=0.05, validation_row=0.05)
    file.write_text(kept.model_dump_json())
    app.number_input(key="budget-minutes").set_value(2.0)
    app.button(key="budget").click().run()
    assert not app.exception and not app.error
    rows = app.number_input(key="quick-rows").value
    assert 50 <= rows < 1055 and rows % 8 == 0
    assert f"Picked one epoch over {rows:,} of 1,055 training rows, about" in captions(app)
    app.number_input(key="budget-minutes").set_value(30.0)
    app.button(key="budget").click().run()
    assert app.number_input(key="quick-rows").value is None
    assert app.number_input(key="quick-epochs").value == 4
    assert "Picked 4 epochs over all 1,055 training rows" in captions(app)
    app.number_input(key="quick-epochs").set_value(2.0).run()
    assert "Picked" not in captions(app)


def test_a_link_that_the_browser_sends_again_with_a_change_does_not_undo_it(app, slow_run):
    link_to(app, slow_run)
    rank = f"{slow_run.id}-lora_rank"
    # A slow browser has not shown the form's own address yet, and sends the link with each change.
    app.query_params.clear()
    app.query_params["like"] = slow_run.id
    app.number_input(key=rank).set_value(16).run()
    assert app.number_input(key=rank).value == 16
    app.query_params.clear()
    app.query_params["like"] = slow_run.id
    app.number_input(key=f"{slow_run.id}-seed").set_value(7).run()
    assert (app.number_input(key=rank).value, app.number_input(key=f"{slow_run.id}-seed").value) == (16, 7)
    assert app.query_params["start"] == slow_run.id
    assert app.query_params[rank] == "16"
    app.run()
    assert app.number_input(key=rank).value == 16


def test_a_link_that_is_opened_anew_means_what_it_says(app, slow_run):
    rank = f"{slow_run.id}-lora_rank"
    link_to(app, slow_run)
    app.number_input(key=rank).set_value(16).run()
    assert app.number_input(key=rank).value == 16
    link_to(app, slow_run)
    assert app.number_input(key=rank).value == 4
    # The browser has not caught up before another page is shown, from which the link is followed again.
    app.query_params.clear()
    app.query_params["like"] = slow_run.id
    app.number_input(key=rank).set_value(16).run()
    app.switch_page(places.RUNS).run()
    app.switch_page(places.TRAIN)
    link_to(app, slow_run)
    assert app.number_input(key=rank).value == 4


def test_a_run_of_another_machine_is_at_work_there_and_asked_to_stop_from_here(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, "away")
    update_run(run.folder, state="training", pid=1, pid_created=1.0, host="GPUbox", boot="b")
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception and not app.error
    assert "Running on GPUbox, last sign of life" in captions(app)
    assert app.button(key=f"stop-{run.id}")
    stop(run)
    app.run()
    assert stop_requested(run.folder) and "Stopping" in captions(app)
    app.button(key=f"end-{run.id}").click().run()
    (error,) = app.error
    assert "at work on GPUbox, whose processes cannot be ended from here" in error.value.replace("\\", "")
    assert load_run(runs_dir, run.id).state == RunState.TRAINING
