"""A press outlives an interruption of the page's run, and is answered once, soon, by what was pressed or not at all."""

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.data.bring import bring
from finsent.data.stored import stored_sources
from pages.shared import places, pressed
from pages.shared.pressed import Button, Presses

PROJECT = Path(__file__).parents[2]


def _page():
    """A page with a button and a form; ``next`` is what the visitor does before the page has come to the button."""
    import streamlit as st

    from pages.shared.access import action
    from pages.shared.pressed import end_here, whole_run

    state = st.session_state
    with whole_run(state["page"]):
        if state["next"] is not None:
            changes, state["next"] = state["next"], None
            for name, value in changes.items():
                state[name] = value
            st.rerun()
        if state["ends"]:
            end_here()
        if state["fails"]:
            raise RuntimeError("The page fails")
        if state["shown"]:
            if action(st.button, state["label"], key="delete", about=state["about"], disabled=state["disabled"]):
                state["done"] += ["deleted"]
            if action(st.button, "Keep", key="keep"):
                state["done"] += ["kept"]
        with st.form("name"):
            name = st.text_input("Name", key="name")
            if action(st.form_submit_button, "Save", key="save"):
                state["done"] += [name]


BEFORE = {
    "page": "runs",
    "next": None,
    "ends": False,
    "fails": False,
    "shown": True,
    "label": "Delete",
    "about": "a",
    "disabled": False,
}


@pytest.fixture
def app():
    app = AppTest.from_function(_page)
    for name, value in (BEFORE | {"done": []}).items():
        app.session_state[name] = value
    return app.run()


def press_and(app, /, key="delete", **changes):
    """Press a button, and change something before the page has come to it."""
    app.session_state["next"] = changes
    return app.button(key=key).click().run()


def done_after(app, **changes):
    for name, value in changes.items():
        app.session_state[name] = value
    return app.run().session_state["done"]


def test_a_press_is_answered_once(app):
    app.button(key="delete").click().run()
    assert done_after(app) == ["deleted"]


def test_a_press_outlives_an_interruption(app):
    press_and(app)
    assert app.session_state["done"] == ["deleted"]
    assert done_after(app) == ["deleted"]


def test_a_form_that_was_sent_outlives_an_interruption_with_what_was_filled_in(app):
    app.text_input(key="name").set_value("mine")
    press_and(app, key="save")
    assert app.session_state["done"] == ["mine"]


@pytest.mark.parametrize(
    "change",
    [
        {"page": "train"},
        {"shown": False},
        {"ends": True},
        {"fails": True},
        {"disabled": True},
        {"about": "b"},
        {"label": "Delete all"},
    ],
)
def test_a_press_is_let_go_where_something_else_came_between(app, change):
    press_and(app, **change)
    assert app.session_state["done"] == []
    assert done_after(app, **BEFORE) == []


def test_a_later_press_of_another_button_takes_the_place_of_the_first():
    kept, undo, keep = Presses(), Button("neutral", "undo", "Undo", ""), Button("neutral", "keep", "Keep", "")
    kept.keep(undo)
    kept.keep(keep)
    assert not kept.take(undo, pressed=False, asked=True)
    assert kept.take(keep, pressed=False, asked=True)
    assert not kept.take(keep, pressed=False, asked=True)


def test_a_press_is_let_go_after_seconds(app, monkeypatch):
    clock = iter([100.0, 100.1 + pressed.KEPT_SECONDS])
    monkeypatch.setattr(pressed, "monotonic", lambda: next(clock))
    press_and(app)
    assert app.session_state["done"] == []


@pytest.mark.security(
    "Delete is pressed for one of your files, and another is chosen before the page has come to it", "Both stay"
)
@pytest.mark.parametrize("label", ["Rename", "Delete"])
def test_a_press_about_one_file_does_nothing_to_another(runs_dir, label):
    rows = "".join(f"news {place},bullish\n" for place in range(20))
    one, other = (bring(f"text,label\n{name} {rows}".encode(), f"{name}.csv") for name in ("one", "other"))
    app = AppTest.from_file(PROJECT / "pages" / "app.py", default_timeout=60)
    app.query_params["data"] = str(one.path)
    app.run().switch_page(places.DATASET).run()
    next(button for button in app.button if button.label == label).click()
    app.text_input(key=f"title-{one.key}").set_value("another name")
    app.selectbox(key="data").set_value(str(other.path)).run()
    assert {source.title for source in stored_sources()} == {one.title, other.title}


def test_every_part_and_end_of_a_page_lets_go_of_presses():
    past = [
        f"{file.name}: {node.attr}"
        for file in (PROJECT / "pages").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("fragment", "stop")
        and getattr(node.value, "id", "") == "st"
    ]
    assert sorted(past) == ["pressed.py: fragment", "pressed.py: stop"]
