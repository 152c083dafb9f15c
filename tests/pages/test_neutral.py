"""The Neutral news page: which run, which texts, one text opened, and what survives a refresh."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipe import get_recipe
from finsent.runs.annotations import annotate, read_annotations
from finsent.runs.store import create_run, update_run
from pages.shared import places
from tests.predictions import made_predictions, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"
GOLD = ["neutral"] * 6 + ["positive"] * 2
BEFORE = ["positive"] * 5 + ["neutral"] + ["positive"] * 2
AFTER = ["neutral", "neutral", "neutral", "positive", "negative", "positive", "positive", "neutral"]


@pytest.fixture
def app(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page(places.NEUTRAL)


@pytest.fixture
def run(runs_dir):
    before, after = made_predictions(GOLD, BEFORE), made_predictions(GOLD, AFTER, 0.6)
    for table in (before, after):
        table.loc[0, "split"] = "validation"
        table.loc[3, "text"] = "Opens a **new** <b>branch</b> [x](y) $1$"
    training = pd.DataFrame(
        {
            "row_id": ["t1", "t2"],
            "text": ["Opens a new branch in Lima", "Profit rose"],
            "label": ["neutral", "positive"],
            "answers": "positive|neutral|negative",
        }
    )
    return made_run(runs_dir, before, after, training, name="made *run*")


def texts(app):
    return next(frame.value for frame in app.dataframe if "outcome" in frame.value)["row_id"].tolist()


def words(app, kind):
    return " ".join(element.value for element in app.get(kind))


def test_without_runs_the_page_leads_to_train(app):
    app.run()
    assert not app.exception
    assert "no run yet" in app.info[0].value
    assert any(link.proto.label == "Launch the first run" for link in app.get("page_link"))


def test_the_summary_counts_the_test_texts_of_both_models(app, run):
    app.run()
    assert not app.exception
    sentence = next(element.value for element in app.markdown if element.value.startswith("Of **"))
    assert "5 neutral test texts" in sentence
    assert "baseline gets **4** wrong (80.0%, 95 % interval" in sentence
    assert "fine-tuned model gets **3** wrong (60.0%" in sentence
    assert sorted(texts(app)) == ["r1", "r2", "r3", "r4", "r5"]


def test_validation_texts_come_on_request_with_a_warning(app, run):
    app.run()
    app.radio(key="neutral-split").set_value("validation").run()
    assert texts(app) == ["r0"]
    assert "flatter" in words(app, "caption")


def test_filters_narrow_the_list(app, run):
    app.run()
    app.pills(key="outcome").set_value(["broken"]).run()
    assert texts(app) == ["r5"]
    app.pills(key="outcome").set_value([])
    app.multiselect(key="called").set_value(["negative"]).run()
    assert texts(app) == ["r4"]
    app.text_input(key="neutral-search").set_value("nowhere").run()
    assert not app.exception
    assert "No text passes" in words(app, "info")


def test_filters_are_read_from_the_address(app, run):
    app.query_params["neutral-search"] = "branch"
    app.run()
    assert app.text_input(key="neutral-search").value == "branch"
    assert texts(app) == ["r3"]


def test_an_item_named_by_the_address_is_open_as_plain_text(app, run):
    app.query_params["item"] = "r3"
    app.run()
    assert not app.exception
    item, *near = [element.value for element in app.text]
    assert item == "Opens a **new** <b>branch</b> [x](y) $1$"
    assert "Baseline **positive** (80%), fine-tuned **positive** (60%)" in words(app, "markdown")
    assert len(near) == 1
    assert [element.value for element in app.caption if "similarity" in element.value and "row t1" in element.value]
    assert app.query_params["item"] == "r3"


def test_an_item_that_is_not_there_is_passed_over(app, run):
    app.query_params["item"] = "no such row"
    app.run()
    assert not app.exception
    assert not app.text


def test_a_run_named_by_the_address_is_shown(app, run, runs_dir):
    made_run(runs_dir, made_predictions(GOLD, BEFORE), made_predictions(GOLD, GOLD), name="other")
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception
    assert app.selectbox[0].value == run.id
    assert app.query_params["run"] == run.id


def test_a_run_that_does_not_exist_is_a_sentence(app, run):
    app.query_params["run"] = "../../etc"
    app.run()
    assert not app.exception
    assert "There is no run" in app.warning[0].value
    assert len(texts(app)) == 5


def test_a_run_without_predictions_is_explained(app, runs_dir):
    failed = create_run(get_recipe("quick"), runs_dir)
    update_run(failed.folder, state="failed", error="out of luck")
    app.run()
    assert not app.exception
    assert "ended before both models were scored" in app.warning[0].value


def test_predictions_that_cannot_be_read_are_a_sentence(app, run):
    run.predictions_file("tuned").write_bytes(b"no parquet")
    app.run()
    assert not app.exception
    assert "cannot be read" in app.error[0].value


def test_no_errors_at_all_is_said(app, runs_dir):
    right = made_predictions(GOLD, GOLD)
    made_run(runs_dir, right, right)
    app.run()
    assert not app.exception
    assert "Neither model gets one" in words(app, "success")


def test_a_run_without_neutral_texts_is_said(app, runs_dir):
    table = made_predictions(["positive"] * 3, ["positive"] * 3)
    made_run(runs_dir, table, table)
    app.run()
    assert not app.exception
    assert "no neutral test texts" in words(app, "info")


def button(app, label):
    return next(button for button in app.button if button.label == label)


def test_tags_and_notes_are_saved_with_the_run_and_filter_the_list(app, run):
    app.query_params["item"] = "r3"
    app.run()
    app.multiselect(key=f"tags-{run.id}-r3").set_value(["needs context"])
    app.text_area(key=f"note-{run.id}-r3").set_value("*why*")
    button(app, "Save tags and note").click().run()
    assert not app.exception
    assert (read_annotations(run)["r3"].tags, read_annotations(run)["r3"].note) == (["needs context"], "*why*")
    app.multiselect(key="tag").set_value(["needs context"]).run()
    assert texts(app) == ["r3"]
    assert next(frame.value for frame in app.dataframe if "tags" in frame.value)["note"].tolist() == ["*why*"]


def test_what_was_noted_with_another_run_of_the_data_is_in_sight(app, run, runs_dir):
    other = create_run(get_recipe("quick"), runs_dir, name="first *one*")
    for one in (run, other):
        update_run(one.folder, source_hash="same")
    annotate(other, "r3", ["needs context"], "*why*")
    app.query_params["item"] = "r3"
    app.run()
    assert not app.exception
    said = words(app, "caption")
    assert r"With run **first \*one\*** it is tagged needs context; noted “\*why\*”" in said


def test_a_damaged_annotations_file_is_a_sentence(app, run):
    annotate(run, "r3", ["mine"], "")
    (run.folder / "annotations.json").write_text("{")
    app.run()
    assert not app.exception
    assert "annotations" in app.error[0].value and "cannot be read" in app.error[0].value


def test_the_repair_set_holds_training_texts_alone(app, run):
    app.query_params["neutral-search"] = "branch"
    app.run()
    # Said before it is made: what test texts choose is not trained on.
    assert "take the errors of the validation split" in words(app, "caption")
    button(app, "Find texts like these 1").click().run()
    assert not app.exception
    found = next(frame.value for frame in app.dataframe if "family" in frame.value)
    assert found["row_id"].tolist() == ["t1"]
    # It belongs to the texts that it was made for.
    app.text_input(key="neutral-search").set_value("").run()
    assert not any("family" in frame.value for frame in app.dataframe)


def test_words_are_shown_where_they_set_texts_apart(app, runs_dir):
    before = made_predictions(["neutral"] * 6, ["positive"] * 6)
    after = made_predictions(["neutral"] * 6, ["positive"] * 3 + ["neutral"] * 3)
    for table in (before, after):
        table["text"] = ["proud launch"] * 3 + ["plain notice"] * 3
    made_run(runs_dir, before, after)
    app.run()
    assert not app.exception
    assert "calls all of these 6 texts positive" in words(app, "info")
    app.radio(key="words").set_value("tuned").run()
    contrast = next(frame.value for frame in app.dataframe if "log_odds" in frame.value)
    assert contrast["word"].tolist()[:2] == ["launch", "proud"]
    assert contrast.loc[0, ["positive", "other"]].tolist() == [3, 0]
    assert "3 called positive and the 3 others" in words(app, "caption")
