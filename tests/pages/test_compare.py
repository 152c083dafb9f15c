"""The Compare page: verdict, cells and transitions of a finished run; and what it says where there is none."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.judged import save_judged
from finsent.recipes import get_recipe
from finsent.runs import create_run, update_run
from tests.predictions import made_pair, made_run, twelve

APP = Path(__file__).parents[2] / "streamlit_app.py"


@pytest.fixture
def app(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page("pages/compare.py")


def words(app) -> str:
    return "\n".join(element.value for element in app.markdown)


def cell(app):
    return [element.value for element in app.dataframe if "row_id" in element.value][0]


def transition(app):
    return [element.value for element in app.dataframe if "row_id" in element.value][-1]


def test_without_runs_the_page_leads_to_the_first_one(app):
    app.run()
    assert not app.exception
    assert "no run yet" in app.info[0].value


def test_the_verdict_and_the_figures(app, runs_dir):
    made_run(runs_dir, *twelve(), name="twelve rows")
    app.run()
    assert not app.exception
    assert "can't be told apart" in words(app).replace("\\", "")
    assert "n = 12 test rows" in words(app).replace("\\", "")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Accuracy"] == "50% → 67%"
    assert shown["Neutral called positive"] == "80% → 40%"


def test_each_big_figure_has_both_intervals_and_n(app, runs_dir):
    made_run(runs_dir, *twelve())
    captions = [element.value.replace("\u00a0", " ") for element in app.run().caption]
    # Wilson's intervals of 4 and of 2 out of 5.
    assert "baseline 80.0% (37.6% to 96.4%), fine-tuned 40.0% (11.8% to 76.9%), n = 5" in captions


def test_the_cell_of_neutral_called_positive_is_open_at_first(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    assert (app.selectbox(key="gold").value, app.selectbox(key="answer").value) == ("neutral", "positive")
    assert sorted(cell(app)["row_id"]) == ["r3", "r4", "r5", "r7"]
    app.radio(key="model").set_value("tuned").run()
    assert sorted(cell(app)["row_id"]) == ["r6", "r7"]
    app.selectbox(key="gold").set_value("positive")
    app.selectbox(key="answer").set_value("invalid").run()
    assert cell(app)["row_id"].tolist() == ["r10"]


def test_five_labels_and_back(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    app.segmented_control(key="classes").set_value(5).run()
    assert not app.exception
    app.selectbox(key="gold").set_value("bearish")
    app.selectbox(key="answer").set_value("bullish").run()
    assert cell(app)["row_id"].tolist() == ["r2"]
    app.segmented_control(key="classes").set_value(3).run()
    assert not app.exception
    assert app.selectbox(key="gold").value == "neutral"


def test_transitions_open_their_rows(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.run()
    assert transition(app)["row_id"].tolist() == ["r6", "r9", "r10"]
    app.selectbox(key="of").set_value("neutral").run()
    assert transition(app)["row_id"].tolist() == ["r6"]


def test_the_address_chooses_the_run(app, runs_dir):
    first = made_run(runs_dir, *twelve(), name="first")
    made_run(runs_dir, *made_pair(60), name="second")
    app.query_params["run"] = first.id
    app.run()
    assert app.selectbox[0].value == first.id
    assert {metric.label: metric.value for metric in app.metric}["Accuracy"] == "50% → 67%"


@pytest.mark.parametrize(("state", "said"), [("stopped", "is stopped"), ("failed", "is failed"), ("queued", "at work")])
def test_a_run_without_predictions_says_so(app, runs_dir, state, said):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(run.folder, state=state)
    app.run()
    assert not app.exception
    assert said in "".join(element.value for element in [*app.warning, *app.info])


def test_an_unknown_run_in_the_address_shows_the_newest(app, runs_dir):
    made_run(runs_dir, *twelve())
    app.query_params["run"] = "../../etc"
    app.run()
    assert not app.exception
    assert "newest one is shown" in app.warning[0].value


def test_a_text_is_never_markup(app, runs_dir):
    baseline, tuned = twelve()
    baseline["text"] = tuned["text"] = "<b>bold</b> **strong** $x$"
    made_run(runs_dir, baseline, tuned, name="<b>*name*</b>")
    app.run()
    assert not app.exception
    assert "<b>" not in words(app)
    assert cell(app)["text"].iloc[0] == "<b>bold</b> **strong** $x$"


def test_another_set_of_rows_is_chosen_and_stands_in_the_address(app, runs_dir):
    seen = twelve()[0][["row_id", "text", "label", "answers"]].head(3)
    run = made_run(runs_dir, *made_pair(120, seed=3), training=seen)
    app.run()
    assert not [box for box in app.selectbox if box.label == "Rows"]
    key = save_judged(run, "other *news*.csv", "ab" * 32, *twelve())
    app.run()
    next(box for box in app.selectbox if box.label == "Rows").set_value(key).run()
    assert not app.exception
    assert "n = 12 test rows" in words(app).replace("\\", "")
    assert any("3 of these 12 texts were also trained on" in caption.value for caption in app.caption)
    assert app.query_params["on"] == key
