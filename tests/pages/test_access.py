"""Who may do what: everybody looks; what changes something is for who is signed in, once there is a reason to ask."""

import ast
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from finsent.passwords import Tries, hash_password
from finsent.recipe import get_recipe
from finsent.runs.annotations import read_annotations
from finsent.runs.store import create_run, list_runs, load_run, request_stop, update_run
from pages.shared import access, places
from tests.at_work import run_at_work
from tests.pages.test_app import PAGES
from tests.predictions import made_predictions, made_run

PROJECT = Path(__file__).parents[2]
APP = PROJECT / "pages" / "app.py"
PASSWORD = "correct horse"
CLASSIFIER = "finsent.evaluation.classifier.Classifier.__init__"
#: An address of Headlines.
MANY_TEXTS = {"mode": "Many headlines"}
#: Buttons that change nothing and cost nothing but what looking costs.
HARMLESS = {
    "headlines/behaviour.py Find texts for “",
    "headlines/demo.py Back",
    "headlines/demo.py Next",
    "headlines/demo.py On",
    "headlines/one.py Example",
    "headlines/one.py Start from the headline",
    "lab/page.py label",
    "neutral/labels.py It is",
    "neutral/labels.py Later",
    "neutral/repair.py Find texts like these",
    "train/budget.py Pick epochs and rows",
    "shared/access.py Sign in",
    "shared/access.py Sign out",
    "shared/access.py label",
    "shared/typed.py Yes, read it",
    "train/form.py Back to the recipes",
}


@pytest.fixture(scope="module")
def kept():
    return hash_password(PASSWORD)


@pytest.fixture
def options(monkeypatch):
    """Give Streamlit's options other values for a test."""
    known = config.get_option

    def set_to(**values):
        monkeypatch.setattr(config, "get_option", lambda name: values.get(name.partition(".")[2], known(name)))

    return set_to


@pytest.fixture
def visit(runs_dir, kept, monkeypatch):
    """Open a page of an app that a password guards."""
    monkeypatch.setattr(access, "TRIES", Tries(lambda: 1000.0))

    def open_page(page, password=kept, **address):
        app = AppTest.from_file(APP, default_timeout=60)
        if password is not None:
            app.secrets["finsent"] = {"password": password}
        app.run()
        for name, value in address.items():
            app.query_params[name] = value
        return app.switch_page(page).run()

    return open_page


def said(app):
    kinds = (app.warning, app.error, app.info, app.markdown)
    return " ".join(element.value for kind in kinds for element in kind)


def sign_in(app, password=PASSWORD):
    app.text_input(key=next(box.key for box in app.text_input if box.label == "Password")).set_value(password)
    return press(app, "Sign in")


def press(app, label):
    """Press a button as a browser of one's own would, whether or not it is disabled."""
    button = next(button for button in app.button if button.label == label)
    button.proto.disabled = False
    return button.click().run()


def test_on_loopback_without_a_password_everything_may_be_done(visit):
    app = visit(places.TRAIN, password=None)
    assert not app.exception
    assert not app.button(key="launch").disabled
    assert "Looking only" not in said(app)
    assert not [button for button in app.button if button.label.startswith("Sign")]


@pytest.mark.security(
    "The server is started on an address of the network without a password",
    "Every page says why and lets everybody look only",
)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("address", ["0.0.0.0", None])
def test_open_to_others_without_a_password_it_only_shows(visit, options, page, address):
    options(address=address)
    app = visit(page, password=None)
    assert not app.exception
    (why,) = [element.value for element in app.warning if "Looking only" in element.value]
    assert "no password is set" in why
    assert "server.address" in why
    for label in ("Launch", "Measure one real step", "Classify", "Ask the base model now"):
        assert all(button.disabled for button in app.button if button.label == label)


@pytest.mark.security(
    "The server listens on loopback, and a proxy brings others to it under another name, without a password",
    "Everybody looks only",
)
@pytest.mark.parametrize(
    "setting", [{"allowedHosts": ["lab.example"]}, {"corsAllowedOrigins": ["https://lab.example"]}]
)
def test_behind_a_proxy_without_a_password_it_only_shows(visit, options, setting):
    options(**setting)
    app = visit(places.TRAIN, password=None)
    assert "lab.example" in said(app) and app.button(key="launch").disabled


@pytest.mark.security("A visitor without the password", "Sees every page, without an error")
@pytest.mark.parametrize("page", PAGES)
def test_without_the_password_every_page_is_shown(visit, page):
    app = visit(page)
    assert not app.exception and not app.error
    assert len(app.title) == 1
    assert "Sign in" in [button.label for button in app.button]


@pytest.mark.security("A visitor signs in", "With the password alone, and only in this session")
def test_the_password_opens_this_session_alone(visit):
    app = sign_in(visit(places.TRAIN), "wrong horse!")
    assert "not the password" in said(app)
    assert app.button(key="launch").disabled
    app = sign_in(app)
    assert not app.button(key="launch").disabled
    assert visit(places.TRAIN).button(key="launch").disabled
    assert press(app, "Sign out").button(key="launch").disabled


@pytest.mark.security("A visitor tries passwords, in a new session each time", "After three wrong ones he has to wait")
def test_wrong_passwords_are_counted_over_all_sessions(visit, monkeypatch):
    monkeypatch.setattr("finsent.passwords.is_password", lambda password, kept: False)
    for _ in range(3):
        assert "not the password" in said(sign_in(visit(places.LAB), "wrong horse!"))
    assert "wait 2 s" in said(sign_in(visit(places.LAB), "wrong horse!"))


@pytest.mark.security(
    "secrets.toml cannot be parsed, or its password is no hash", "Everybody looks only, and the page says what to do"
)
@pytest.mark.parametrize(
    "content", ["[finsent", '[finsent]\npassword = "plain"', "[finsent]\npassword = 3", "finsent = 1"]
)
def test_a_password_that_cannot_be_used_opens_nothing(visit, options, monkeypatch, tmp_path, content):
    (tmp_path / "secrets.toml").write_text(content)
    options(files=[str(tmp_path / "secrets.toml")])
    monkeypatch.setattr(st, "secrets", Secrets())
    app = visit(places.TRAIN, password=None)
    assert not app.exception
    assert "cannot be used" in said(app) and "python -m finsent password" in said(app)
    assert app.button(key="launch").disabled


def test_a_secrets_file_for_something_else_asks_for_no_password(visit, options, monkeypatch, tmp_path):
    (tmp_path / "secrets.toml").write_text('[other]\nkey = "x"')
    options(files=[str(tmp_path / "secrets.toml")])
    monkeypatch.setattr(st, "secrets", Secrets())
    assert not visit(places.TRAIN, password=None).button(key="launch").disabled


@pytest.mark.security("A launch is pressed without the password, past the disabled button", "No run is made")
def test_a_forged_press_launches_nothing(visit, runs_dir):
    app = press(visit(places.TRAIN), "Launch")
    assert not app.exception
    assert not list_runs(runs_dir)


@pytest.mark.security("A measurement is pressed without the password", "Nothing is measured")
@pytest.mark.parametrize(
    ("page", "address", "label", "works"),
    [
        (places.TRAIN, {}, "Measure now", "pages.train.form.calibrate"),
        (places.MODEL, {}, "Measure one real step", "pages.model.memory.measure_apart"),
        (places.LAB, {}, "Ask the base model now", CLASSIFIER),
        (places.HEADLINES, MANY_TEXTS, "Classify", CLASSIFIER),
    ],
)
def test_a_forged_press_computes_nothing(visit, monkeypatch, page, address, label, works):
    done = []
    monkeypatch.setattr(works, lambda *arguments: done.append(arguments))
    app = press(visit(page, **address), label)
    assert not app.exception
    assert not done


@pytest.mark.security("Headlines is opened without the password", "It answers nothing")
@pytest.mark.parametrize("address", [{}, {"text": "Profit rose."}, {"view": "demo"}])
def test_headlines_answer_only_who_may_ask(visit, monkeypatch, address):
    done = []
    monkeypatch.setattr(CLASSIFIER, lambda *arguments: done.append(arguments))
    app = visit(places.HEADLINES, **address)
    assert not app.exception
    assert "Looking only" in said(app)
    assert not done


@pytest.mark.security("A run is stopped or ended without the password", "It goes on")
@pytest.mark.parametrize("asked", [False, True])
def test_a_forged_press_stops_nothing(visit, runs_dir, monkeypatch, asked):
    done = []
    monkeypatch.setattr("pages.train.live.end_now", done.append)
    with run_at_work(runs_dir) as run:
        if asked:
            request_stop(run)
        press(visit(places.TRAIN, run=run.id), "Yes, end it" if asked else "Yes, stop it")
    assert not done
    assert (run.folder / "stop").exists() == asked


@pytest.mark.security("A run is resumed or taken out of the queue without the password", "It stays as it is")
def test_a_forged_press_resumes_nothing_and_takes_nothing_out(visit, runs_dir, monkeypatch):
    done = []
    monkeypatch.setattr("pages.train.live.resume", done.append)
    monkeypatch.setattr("finsent.runs.queue.stop", done.append)
    monkeypatch.setattr("finsent.runs.store.Run.resumable", property(lambda run: not run.active))
    with run_at_work(runs_dir):
        create_run(get_recipe("quick"), runs_dir)
        press(visit(places.TRAIN), "Take out")
        ended = update_run(create_run(get_recipe("quick"), runs_dir).folder, state="stopped")
        press(visit(places.TRAIN, run=ended.id), "Resume")
    assert not done


@pytest.mark.security("A run is deleted, named or noted without the password", "It stays as it is")
@pytest.mark.parametrize("label", ["Yes, delete it", "Save"])
def test_a_forged_press_deletes_and_writes_nothing(visit, runs_dir, label):
    run = update_run(create_run(get_recipe("quick"), runs_dir, name="mine").folder, state="done")
    app = visit(places.RUNS, run=run.id)
    if label == "Save":
        next(box for box in app.text_input if box.label == "Name").set_value("theirs")
    press(app, label)
    assert load_run(runs_dir, run.id).name == "mine"


@pytest.mark.security("A damaged run is deleted without the password", "It stays as it is")
def test_a_forged_press_deletes_no_damaged_run(visit, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    (run.folder / "run.json").write_text("{")
    press(visit(places.RUNS), "Yes, delete it")
    assert run.folder.is_dir()


@pytest.mark.security("A text is tagged or noted without the password", "Nothing is written")
def test_a_forged_press_annotates_nothing(visit, runs_dir):
    gold = ["neutral"] * 12
    before, after = made_predictions(gold, ["positive"] * 12), made_predictions(gold, gold, 0.6)
    training = pd.DataFrame({"row_id": ["t1"], "text": ["Profit rose"], "label": "positive", "answers": gold[0]})
    run = made_run(runs_dir, before, after, training)
    app = visit(places.NEUTRAL, run=run.id, item="r3")
    next(box for box in app.text_area if box.label == "Note").set_value("theirs")
    press(app, "Save tags and note")
    assert not read_annotations(run)


@pytest.mark.security("A file is uploaded without the password", "It is not read")
@pytest.mark.parametrize(("page", "address"), [(places.DATASET, {}), (places.HEADLINES, MANY_TEXTS)])
def test_an_upload_is_not_read(visit, page, address):
    app = visit(page, **address)
    if page == places.HEADLINES:
        app.button_group(key="from").set_value("A file").run()
    shown = len(app.selectbox), [metric.value for metric in app.metric]
    content = "text,label\n" + "".join(f"post {place},bullish\n" for place in range(20))
    app.file_uploader[0].proto.disabled = False
    app.file_uploader[0].upload("mine.csv", content.encode(), "text/csv").run()
    assert not app.exception
    assert (len(app.selectbox), [metric.value for metric in app.metric]) == shown


@pytest.mark.security("A file of this machine is named without the password", "It is not read")
def test_a_path_is_not_read_without_the_password(visit, small_csv):
    app = visit(places.DATASET, data=str(small_csv))
    assert not app.metric
    assert "read for who is signed in" in said(app)


def _buttons():
    """Yield the file and the label of every call in the pages that makes a button or an upload by itself."""
    for file in sorted((PROJECT / "pages").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                if name in {"button", "form_submit_button", "file_uploader", "chat_input", "data_editor"}:
                    label = node.args[0] if node.args else ast.Constant("")
                    words = label.values[0] if isinstance(label, ast.JoinedStr) else label
                    text = getattr(words, "value", getattr(words, "id", ""))
                    yield f"{file.relative_to(PROJECT / 'pages')} {text}".strip()


@pytest.mark.security(
    "A button is added to a page past the check of the password", "A test names it: only those known as harmless may"
)
def test_every_button_that_does_something_asks_who_presses_it():
    assert set(_buttons()) == HARMLESS
