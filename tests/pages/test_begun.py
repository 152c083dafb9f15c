"""What a press begins goes on whatever else the visitor does, and its outcome is told."""

import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.cost.measured_memory import MeasuredStep
from finsent.errors import AdapterError, ExportError
from pages.shared import background, places
from pages.shared.begun import Begun
from tests.predictions import made_pair, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def impatient(monkeypatch):
    """Let no page wait for what it begins."""
    monkeypatch.setattr(background, "PATIENCE", 0.0)


@pytest.fixture
def gate():
    """What the works of a test wait for; opened at its end in any case."""
    opened = threading.Event()
    yield opened
    opened.set()


def wait_for(works: Begun, key: str) -> None:
    deadline = time.monotonic() + 30
    while works.busy(key):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_same_is_not_begun_twice_at_once(impatient, gate):
    works, calls = Begun(), []
    for _ in range(2):
        works.begin("one", lambda: calls.append(gate.wait(30)))
    gate.set()
    wait_for(works, "one")
    assert len(calls) == 1
    works.begin("one", lambda: calls.append(True))
    wait_for(works, "one")
    assert len(calls) == 2


def test_what_fails_unforeseen_is_raised_once():
    works = Begun()
    works.begin("one", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        works.outcome("one", "Dividing")
    assert works.outcome("one", "Dividing") is None


@pytest.fixture
def runs_page(runs_dir):
    """Open Runs with the form for an adapter from elsewhere; the folder holds one run."""
    run = made_run(runs_dir, *made_pair(30), name="the one")

    def visit(opened: str = "bring-in", **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60).run()
        for name, value in address.items():
            app.query_params[name] = value
        app.switch_page(places.RUNS).run()
        app.session_state[opened] = True
        return app.run()

    return visit, run


def press(app: AppTest) -> AppTest:
    return next(button for button in app.button if button.label == "Bring it in").click().run()


def said(app: AppTest) -> str:
    return " ".join(element.value for element in [*app.caption, *app.error, *app.success]).replace("\\", "")


def seen_through(app: AppTest, words: str = "Checking it against its base model") -> AppTest:
    """Look until it is no longer at work, doing something else each time."""
    deadline = time.monotonic() + 30
    while words in said(app):
        assert time.monotonic() < deadline
        app.run()
    return app


def test_a_run_that_was_brought_in_is_opened_though_the_visitor_did_something_else(
    runs_page, impatient, gate, monkeypatch
):
    visit, run = runs_page
    monkeypatch.setattr("pages.runs.bring_in.import_adapter", lambda *_: gate.wait(30) and run)
    app = press(visit())
    assert not app.exception
    assert "Checking it against its base model … " in said(app)
    app.run()
    assert next(button for button in app.button if button.label == "Bring it in").disabled
    app.switch_page(places.LAB).run()
    gate.set()
    app = seen_through(app.switch_page(places.RUNS).run())
    assert not app.exception and not app.error
    assert app.query_params["run"] == run.id
    assert "the one" in [heading.value for heading in app.subheader]


def test_why_nothing_was_brought_in_stays_in_sight_until_it_is_tried_again(runs_page, impatient, gate, monkeypatch):
    def refuse(*_):
        gate.wait(30)
        raise AdapterError("There is no adapter in it.")

    visit, run = runs_page
    monkeypatch.setattr("pages.runs.bring_in.import_adapter", refuse)
    app = press(visit())
    gate.set()
    app = seen_through(app)
    for _ in range(2):
        assert "There is no adapter in it" in said(app.run())
    monkeypatch.setattr("pages.runs.bring_in.import_adapter", lambda *_: run)
    app = seen_through(press(app))
    assert not app.error
    assert app.query_params["run"] == run.id


def test_what_became_of_a_merge_is_told_afterwards(runs_page, impatient, gate, monkeypatch, tmp_path):
    visit, run = runs_page
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"x")
    monkeypatch.setattr("pages.runs.export.export_run", lambda run, form, folder: gate.wait(30) and Path(folder))
    way = {"way": "merged", "n": 9, "agreement": 1.0, "agreement_ci": [0.7, 1.0], "warning": ""}
    monkeypatch.setattr("pages.runs.export.read_certificate", lambda folder: [way])
    app = visit(f"export-{run.id}", run=run.id)
    app.radio(key=f"export-form-{run.id}").set_value("merged").run()
    app.text_input(key=f"export-folder-{run.id}").set_value(str(tmp_path / "merged")).run()
    app.button(key=f"export-write-{run.id}").click().run()
    assert not app.exception
    assert app.run().button(key=f"export-write-{run.id}").disabled
    gate.set()
    app = seen_through(app, "Merging, and comparing its answers")
    assert f"Written to {tmp_path / 'merged'}." in said(app)

    def refuse(*_):
        raise ExportError("The disk is full.")

    monkeypatch.setattr("pages.runs.export.export_run", refuse)
    app = app.button(key=f"export-write-{run.id}").click().run()
    assert "The disk is full." in said(seen_through(app, "Merging, and comparing its answers"))
    assert "Written to" not in said(app)


def test_a_step_that_was_measured_meanwhile_is_shown(runs_dir, impatient, gate, monkeypatch):
    step = MeasuredStep(3_000_000, 8, 334, 600, 16, "cpu")
    monkeypatch.setattr("pages.model.memory.measure_apart", lambda recipe: gate.wait(30) and step)
    app = AppTest.from_file(str(APP), default_timeout=120).run().switch_page(places.MODEL).run()
    app.button(key="measure").click().run()
    assert "Training two steps in a process of its own … " in said(app)
    gate.set()
    app = seen_through(app, "Training two steps")
    assert not app.exception
    assert "334 packed tokens" in said(app)


def test_a_speed_that_was_measured_meanwhile_leads_the_estimate(runs_dir, impatient, gate, monkeypatch):
    measured = []
    monkeypatch.setattr("pages.train.form.calibrate", lambda *_: gate.wait(30) and measured.append(True) or measured)
    app = AppTest.from_file(str(APP), default_timeout=120).run().switch_page(places.TRAIN).run()
    app.button(key="calibrate").click().run()
    assert "Training and scoring a few rows … " in said(app)
    assert app.run().button(key="calibrate").disabled
    gate.set()
    app = seen_through(app, "Training and scoring a few rows")
    assert not app.exception and len(measured) == 1
    assert not app.button(key="calibrate").disabled
