"""The Lab page: an honest story without a run, the run's own words with one, and one next step."""

import json
import os
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from finsent.evaluation.classifier import Answer
from finsent.labels import TO_THREE
from finsent.recipe import get_recipe
from finsent.runs.chosen import pin, unpin
from finsent.runs.origin import Origin, UsedRepair
from finsent.runs.store import create_run, load_run, update_run
from pages.shared import places
from tests.predictions import made_pair, made_predictions, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"


def visit() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60).run()


def words(app: AppTest) -> str:
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.code])


def headings(app: AppTest) -> list[str]:
    return [heading.value for heading in app.subheader]


def start_work(runs_dir: Path) -> None:
    run = create_run(get_recipe("quick"), runs_dir)
    process = psutil.Process()
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=process.create_time())


def test_without_a_run_it_quotes_the_tutorial_as_the_tutorials_and_points_to_train(runs_dir: Path):
    app = visit()
    assert not app.exception
    assert "27 % of test texts" in words(app)
    assert "Those figures are the tutorial's" in words(app)
    assert "Embedded world" in words(app)
    assert "1,319 lab headlines" in words(app)
    assert app.button(key="next-step").label == "Launch a run"
    assert "The result" not in headings(app)


def test_the_base_model_answers_when_asked_and_not_before(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    class FakeClassifier:
        def __init__(self, model: str) -> None:
            assert model == "embedded"

        def classify(self, texts: list[str]) -> list:
            answer = Answer("positive", {"positive": 0.81, "neutral": 0.15, "negative": 0.04})
            return [type("Classified", (), {"baseline": answer})]

    monkeypatch.setattr("finsent.evaluation.classifier.Classifier", FakeClassifier)
    app = visit().switch_page(places.LAB).run()
    assert "81.0%" not in words(app)
    app.button(key="ask").click().run()
    assert not app.exception
    assert "says **positive** (positive 81.0%, neutral 15.0%, negative 4.0%)" in words(app)


def test_a_run_at_work_comes_first_and_keeps_the_processor(runs_dir: Path):
    start_work(runs_dir)
    app = visit()
    assert "A run is at work" in words(app)
    assert app.button(key="next-step").label == "Watch it"
    assert app.button(key="ask").disabled


def test_with_a_run_it_shows_a_text_fixed_and_the_verdict(runs_dir: Path):
    baseline, tuned = made_pair(60)
    made_run(runs_dir, baseline, tuned)
    app = visit()
    assert not app.exception
    assert "27 % of test texts" not in words(app)
    assert "This text is labelled **neutral**" in words(app)
    assert "The result" in headings(app)
    assert "n = 60 test rows" in words(app).replace("\\", "").replace("\xa0", " ")
    shown = {metric.label: metric.value for metric in app.metric}
    before, after = ((t["predicted"].map(TO_THREE) == t["label"].map(TO_THREE)).mean() for t in (baseline, tuned))
    assert shown["Accuracy"] == f"{before:.1%} → {after:.1%}"
    assert app.button(key="next-step").label == "Compare the two models"


def test_a_run_without_the_error_says_so(runs_dir: Path):
    both = made_predictions(["neutral", "positive"] * 4, ["neutral", "positive"] * 4)
    made_run(runs_dir, both, both)
    assert "called no neutral test text positive" in words(visit())


def test_a_run_that_was_not_finished_is_named_and_resumed(runs_dir: Path):
    run = create_run(get_recipe("quick"), runs_dir)
    update_run(
        run.folder, state="stopped", started=run.created, steps=12, progress={"done": 12, "total": 60, "unit": "steps"}
    )
    app = visit()
    assert "**Not finished:**" in words(app) and "stopped at step 12 of 60" in words(app)
    app.button(key=f"resume-{run.id}").click().run()
    assert not app.exception
    assert load_run(runs_dir, run.id).active


def test_the_story_is_that_of_the_pinned_run(runs_dir: Path):
    other, newest = (
        made_run(runs_dir, *made_pair(60, seed=seed), name=name) for seed, name in ((1, "one"), (2, "two"))
    )
    app = visit()
    assert f"Run {newest.name} (the newest" in words(app)
    app.button(key=f"pin-{newest.id}").click().run()
    assert f"Run {newest.name} (pinned)" in words(app)
    pin(other)
    assert f"Run {other.name} (pinned)" in words(visit())
    unpin(runs_dir)
    assert "pinned" not in words(visit())


def test_a_run_that_cannot_be_read_is_passed_over(runs_dir: Path):
    run = made_run(runs_dir, *made_pair(40))
    run.predictions_file("tuned").write_text("not a table")
    run.evaluation_file.write_text(json.dumps({"n": 3}))
    app = visit()
    assert not app.exception
    assert "The result" not in headings(app)


def test_a_mended_run_is_not_shown_by_itself_and_the_line_says_so(runs_dir: Path):
    parent = made_run(runs_dir, *made_pair(120, validation=60, gain=-0.5), name="first")
    child = made_run(runs_dir, *made_pair(120, validation=60, gain=2.0), name="second *try*")
    repair = UsedRepair(rows=4, synthetic=0, replayed=12, sha256="")
    update_run(child.folder, origin=Origin(parent=parent.id, repair=repair))
    shown = words(visit())
    assert "Run first (the newest finished run on these data, mended ones aside; second " in shown.replace("\\", "")
    assert "second *try* continues it and stands back" in shown.replace("\\", "")
    assert "second *try*" not in shown
    pin(child)
    assert "try\\* (pinned)" in words(visit())
