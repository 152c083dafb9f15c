"""Mending on Neutral news and Compare: a doubtful label decided and taken back, a run continued, a child's verdict."""

import time
from pathlib import Path
from threading import Event

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finsent.data.prepared import prepare
from finsent.errors import EmptyDataError
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.beginning import content_hash
from finsent.runs.corrections import decide, saved_corrections
from finsent.runs.deletion import delete_run
from finsent.runs.origin import Origin
from finsent.runs.store import list_runs, update_run
from pages.neutral import labels
from pages.shared import background, places
from tests.predictions import made_predictions, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def run(runs_dir, small_csv):
    """A judged run of the small file, whose source and rows are there."""
    recipe = change_recipe(get_recipe("quick"), {"source": str(small_csv), "validation_rows": 8})
    data = prepare(recipe)
    held = data.judged
    predicted = ["positive"] * len(held)
    tables = [made_predictions(held["label"], predicted) for _ in range(2)]
    for table in tables:
        for column in ("row_id", "text", "split"):
            table[column] = held[column].to_numpy()
    run = made_run(runs_dir, *tables, training=data.train[["row_id", "text", "label", "answers"]])
    return update_run(run.folder, recipe=recipe, source_hash=data.source_hash)


@pytest.fixture
def with_adapter(run):
    """The run has an adapter that nobody reads."""
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"")
    (run.adapter_dir / "adapter_config.json").write_text("{}")


@pytest.fixture
def app(run):
    app = AppTest.from_file(APP, default_timeout=120)
    app.run()
    return app.switch_page(places.NEUTRAL)


def opened(page, run):
    """Open a page of the app with a run in its address."""
    app = AppTest.from_file(APP, default_timeout=120)
    app.run()
    app.switch_page(page)
    app.query_params["run"] = run.id
    app.run()
    assert not app.exception
    return app


def button(app, label):
    return next(button for button in app.button if button.label == label)


def test_a_doubtful_label_is_decided_by_one_button_and_taken_back(app, run, runs_dir):
    app.run()
    app.segmented_control(key="neutral-part").set_value("labels").run()
    app.pills(key="doubted-of").set_value(["train"]).run()
    assert not app.exception
    assert any("worth a second look" in element.value for element in app.markdown)
    data = prepare(run.recipe)
    button(app, "Keep its label").click().run()
    assert not app.exception
    saved = saved_corrections(runs_dir, data)
    assert (saved.version, saved.counts["keep"]) == (1, 1)
    assert any("Saved as version 1" in element.value.replace("\\", "") for element in app.success)
    button(app, "Leave it out").click().run()
    assert saved_corrections(runs_dir, data).counts == {"keep": 1, "change": 0, "drop": 1, "flag": 0}
    button(app, "Undo").click().run()
    assert saved_corrections(runs_dir, data).counts["drop"] == 0
    assert {button.proto.shortcut for button in app.button if button.label in ("Keep its label", "Undo")} == {"k", "u"}


def test_a_buttons_place_means_the_same_for_every_row(app, run):
    app.run()
    app.segmented_control(key="neutral-part").set_value("labels").run()
    app.pills(key="doubted-of").set_value(["train"]).run()
    rows = next(table.value for table in app.dataframe if "decision" in table.value)
    own = set()
    for _ in range(len(rows)):
        words = next(one.value for one in app.markdown if one.value.startswith("Its label is"))
        label = words.split("**")[1]
        own.add(label)
        offered = [one for one in app.button if one.label.startswith("It is ")]
        assert [one.label for one in offered] == ["It is negative", "It is neutral", "It is positive"]
        assert [one.disabled for one in offered] == [one.label == f"It is {label}" for one in offered]
        assert [one.proto.shortcut for one in offered if not one.disabled] == ["1", "2"]
        button(app, "Later").click().run()
    assert len(own) > 1


def test_the_first_corrected_label_is_used_where_the_run_is_continued(with_adapter, app):
    app.run()
    app.segmented_control(key="neutral-part").set_value("labels").run()
    app.pills(key="doubted-of").set_value(["train"]).run()
    button(app, "Keep its label").click().run()
    assert [(box.label, box.value) for box in corrected(app)] == [("With the 0 corrected labels", False)]
    button(app, "Leave it out").click().run()
    assert [(box.label, box.value) for box in corrected(app)] == [("With the 1 corrected label", True)]
    assert any("it is left out of training. Saved as version 2" in one.value.replace("\\", "") for one in app.success)


def corrected(app):
    return [box for box in app.checkbox if "corrected" in box.label]


def test_the_rest_of_the_page_can_be_used_while_labels_are_looked_at(app, run, runs_dir, monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setattr(background, "PATIENCE", 0.0)
    go_on, begun, look = Event(), Event(), labels.run_suspects

    def slowly(*given, report):
        report("models that learn from other rows", 3, 10)
        begun.set()
        go_on.wait(60)
        return look(*given, report=report)

    monkeypatch.setattr(labels, "run_suspects", slowly)
    data = prepare(run.recipe)
    decide(runs_dir, data, data.train["row_id"].iloc[0], "keep")
    app.run()
    app.segmented_control(key="neutral-part").set_value("labels").run()
    assert begun.wait(60)
    app.run()
    assert not app.exception and not [button for button in app.button if button.label == "Keep its label"]
    assert [bar.proto.text for bar in app.get("progress")] == [
        "3 of 10 models that learn from other rows, about 0 s left for these"
    ]
    # What was decided is there, and so are the texts.
    assert any("Version 1 of the corrections" in element.value for element in app.markdown)
    app.segmented_control(key="neutral-part").set_value("texts").run()
    assert any("The texts" in element.value for element in app.subheader)
    go_on.set()
    app.segmented_control(key="neutral-part").set_value("labels").run()
    deadline = time.monotonic() + 60
    while app.get("progress") and time.monotonic() < deadline:
        app.run()
    assert button(app, "Keep its label")


def test_a_work_that_fails_says_so_and_is_tried_again():
    def fail(report):
        raise EmptyDataError("There are too few rows.")

    work = background.Work(fail)
    assert work.ended and work.failed
    with pytest.raises(EmptyDataError, match="too few"):
        work.result()


def test_a_child_is_held_against_its_parent_on_compare(runs_dir):
    gold = ["neutral"] * 12 + ["positive"] * 8
    baseline = made_predictions(gold, ["positive"] * 20)
    parent = made_run(runs_dir, baseline, made_predictions(gold, ["positive"] * 20), name="first")
    child = made_run(runs_dir, baseline, made_predictions(gold, gold), name="child")
    update_run(child.folder, origin=Origin(parent=parent.id))
    app = opened(places.COMPARE, child)
    assert any("This run is better than its parent" in element.value for element in app.markdown)
    assert any("12 rows mended, 0 broken" in element.value.replace("\\", "") for element in app.markdown)
    assert len(list_runs(runs_dir)) == 2


def test_what_a_child_began_with_is_shown_as_its_parents_while_it_trains(runs_dir):
    gold = ["neutral"] * 8 + ["positive"] * 12
    baseline, tuned = (
        made_predictions(gold, answers).assign(split=["validation"] * 10 + ["test"] * 10)
        for answers in (["positive"] * 20, ["positive"] + ["neutral"] * 19)
    )
    parent, child = (made_run(runs_dir, baseline, tuned, name=name) for name in ("first", "child"))
    parent.adapter_dir.mkdir()
    (parent.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    update_run(child.folder, origin=Origin(parent=parent.id, adapter_sha256=content_hash(b"weights")))

    def watched(run):
        app = opened(places.TRAIN, run)
        figures = {one.label: one.value for one in app.metric if one.label.startswith("Neutral")}
        return figures, " ".join(one.value for one in app.caption)

    figures, captions = watched(parent)
    assert figures == {"Neutral called positive, the baseline (n = 8)": "100.0%"}
    assert "Step 0 is the baseline." in captions
    figures, captions = watched(child)
    assert figures == {"Neutral called positive, its parent (n = 8)": "12.5%"}
    assert "training began with its adapter, not with the baseline" in captions
    delete_run(runs_dir, parent.id)
    figures, captions = watched(child)
    assert figures == {"Neutral called positive": "–"}
    assert "known with the first evaluation" in captions


def test_the_verdict_tells_of_flagged_test_rows_and_shows_itself_without_them(run, runs_dir):
    data = prepare(run.recipe)
    app = AppTest.from_file(APP, default_timeout=120)
    app.run()
    app.switch_page(places.COMPARE).run()
    assert not any("flagged" in element.value for element in app.markdown)
    decide(runs_dir, data, data.test["row_id"].iloc[0], "flag")
    app.run()
    assert not app.exception
    n = len(data.test)
    told = " ".join(element.value for element in app.markdown).replace("\\", "").replace("\u00a0", " ")
    assert f"**Flagged:** 1 of {n} test rows has a label flagged as doubtful. With it: The two models can't be" in told
    assert f"n = {n}. Without it: The two models can't be told apart on these rows" in told
