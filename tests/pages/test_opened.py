"""What a visitor opened or chose: it stands in the address, outlasts a change of page, and no old address undoes it."""

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from finsent.runs.evaluated_sets import save_judged
from finsent.runs.origin import Origin
from finsent.runs.store import update_run
from pages.shared import places
from tests.predictions import made_pair, made_run, twelve

APP = Path(__file__).parents[2] / "pages" / "app.py"


def _page():
    import pandas as pd
    import streamlit as st

    from pages.shared.opened import come_to, table_that_opens

    come_to(st.session_state.get("comes_to", "page"))
    # Another number is another table, as another filter would make it.
    number = st.session_state.get("number", 0)
    row = table_that_opens(pd.DataFrame({"row_id": list("abc")}), f"table-{number}", "row", ["row_id", "topic"])
    st.text("none" if row is None else row["row_id"])


@pytest.fixture
def table():
    return AppTest.from_function(_page, default_timeout=30)


def opened(app):
    return app.text[0].value, app.query_params.get("row")


def choose(app, key, *places_in_table):
    """Choose rows of a table as a visitor does."""
    app.session_state[key] = {"selection": {"rows": list(places_in_table), "columns": [], "cells": []}}
    return app.run()


def another_table(app, says=None):
    """Run the page with another table, as a browser does that says an address."""
    app.query_params.clear()
    if says:
        app.query_params["row"] = says
    app.session_state["number"] = app.session_state["number"] + 1 if "number" in app.session_state else 1
    return app.run()


def test_the_address_opens_a_row_and_says_the_one_that_is_open(table):
    table.query_params["row"] = "b"
    assert opened(table.run()) == ("b", "b")
    assert opened(choose(table, "table-0", 2)) == ("c", "c")
    assert opened(choose(table, "table-0")) == ("none", None)


def test_a_click_on_a_cell_opens_its_row(table):
    table.session_state["table-0"] = {"selection": {"rows": [], "columns": [], "cells": [(1, "row_id")]}}
    assert opened(table.run()) == ("b", "b")


def select(app, rows, cells):
    """Tick rows and click cells, which stand beside one another, as a browser tells it."""
    app.session_state["table-0"] = {"selection": {"rows": rows, "columns": [], "cells": cells}}
    return opened(app.run())


def test_of_a_clicked_cell_and_a_ticked_row_the_last_counts(table):
    cell = (1, "row_id")
    assert select(table, [], [cell]) == ("b", "b")
    assert select(table, [2], [cell]) == ("c", "c")
    assert select(table, [2], [(0, "row_id")]) == ("a", "a")
    assert opened(table.run()) == ("a", "a")
    assert select(table, [2], []) == ("c", "c")
    assert select(table, [2], [cell]) == ("b", "b")
    assert select(table, [], [cell]) == ("none", None)


def test_what_was_done_last_is_forgotten_with_old_tables(table):
    for _ in range(30):
        another_table(table)
        choose(table, f"table-{table.session_state['number']}", 1)
    assert len(table.session_state["chosen-in-tables"]) == 20


def test_what_was_opened_outlasts_an_address_that_forgot_it_and_what_was_closed_stays_closed(table):
    choose(table, "table-0", 2)
    assert opened(another_table(table)) == ("c", "c")
    choose(table, "table-1")
    assert opened(another_table(table)) == ("none", None)


def test_an_address_sent_again_undoes_nothing_and_one_that_is_opened_anew_counts(table):
    table.query_params["row"] = "a"
    table.run()
    choose(table, "table-0", 2)
    assert opened(another_table(table, says="a")) == ("c", "c")
    table.session_state["comes_to"] = "another page"
    assert opened(another_table(table, says="a")) == ("a", "a")


def test_a_row_that_is_not_there_is_passed_over(table):
    table.query_params["row"] = "no such row"
    assert opened(table.run()) == ("none", None)


@pytest.fixture
def app(runs_dir):
    return AppTest.from_file(APP, default_timeout=60).run()


def visit(app, place, **address):
    """Open a page by an address."""
    app.switch_page(place)
    app.query_params.update(address)
    return app.run()


def looks(app, place, **address):
    """Open a page by an address, look at another page, whose address is its own, and return."""
    yield visit(app, place, **address)
    for other in (places.TRAIN, place):
        app.switch_page(other)
        app.query_params.clear()
        app.run()
    yield app


COMPARE = {"cell-row": "r4", "transition-row": "r6"}


def test_opened_rows_of_compare_come_back(app, runs_dir):
    baseline, tuned = twelve()
    made_run(runs_dir, baseline, tuned)
    texts = baseline.set_index("row_id")["text"]
    for look in looks(app, places.COMPARE, **COMPARE):
        assert not look.exception
        assert [element.value for element in look.text] == [texts["r4"], texts["r6"]]
        assert {name: look.query_params[name] for name in COMPARE} == COMPARE


def test_the_chosen_rows_of_compare_come_back(app, runs_dir):
    run = made_run(runs_dir, *made_pair(60))
    key = save_judged(run, "other news.csv", "ab" * 32, *twelve())
    for look in looks(app, places.COMPARE, on=key):
        assert not look.exception
        assert next(box for box in look.selectbox if box.label == "Rows").value == key
        assert look.query_params["on"] == key


def test_the_threshold_of_compare_comes_back(app, runs_dir):
    made_run(runs_dir, *made_pair(200, validation=60))
    visit(app, places.COMPARE, part="Threshold", target="20%")
    assert not app.exception
    assert app.select_slider(key="target").value == 0.2


@pytest.fixture
def two(runs_dir):
    baseline, tuned = made_pair(60, seed=1)
    return [made_run(runs_dir, baseline, tuned, name="first"), made_run(runs_dir, *twelve(), name="second")]


def test_ticked_runs_come_back(app, two):
    ids = [run.id for run in reversed(two)]
    for look in looks(app, places.RUNS, run=ids):
        assert not look.exception
        assert look.query_params["run"] == ids
        assert "Side by side" in [element.value for element in look.subheader]


def test_runs_opens_the_run_that_was_chosen_on_another_page(app, two):
    first, second = two
    visit(app, places.RUNS, run=first.id)
    visit(app, places.COMPARE, run=second.id)
    app.query_params.clear()
    app.switch_page(places.RUNS).run()
    assert app.query_params["run"] == second.id
    assert "second" in [element.value for element in app.subheader]


def test_a_link_that_is_sent_again_does_not_undo_a_tick(app, two):
    first, second = two
    update_run(second.folder, origin=Origin(parent=first.id))
    visit(app, places.RUNS, open=first.id)
    app.query_params["open"] = first.id
    choose(app, f"history-1-{hash((second.id, first.id))}", 0)
    assert not app.exception
    assert (app.query_params["run"], "open" in app.query_params) == (second.id, False)
    # The same link, followed anew from the page as it is now.
    link = next(element.proto for element in app.get("page_link") if "open=" in element.proto.query_string)
    app.query_params.update(dict(parse_qsl(link.query_string)))
    app.run()
    assert app.query_params["run"] == first.id


def test_parts_of_neutral_news_come_back(app, runs_dir):
    made_run(runs_dir, *twelve())
    visit(app, places.NEUTRAL, item="r4", common="Words", words="Fine-tuned model", grammar="true")
    assert not app.exception
    assert (app.radio(key="words").value, app.checkbox(key="grammar").value) == ("tuned", True)
    for look in looks(app, places.NEUTRAL, item="r4"):
        assert not look.exception
        assert look.query_params["item"] == "r4"


def _decisions():
    import streamlit as st

    from finsent.data.choices import Choices
    from pages.dataset.source import _decided_about, decide_about

    if label := st.session_state.pop("decide", None):
        decide_about("own.csv", Choices(label_column=label))
    st.text(_decided_about(st.session_state.get("source", "own.csv")).label_column)


def test_what_was_decided_about_a_file_comes_back_and_holds_for_it_alone():
    app = AppTest.from_function(_decisions, default_timeout=30)
    app.query_params["label_column"] = "mood"
    assert app.run().text[0].value == "mood"
    app.session_state["decide"] = "tone"
    # The browser still says the old one, then none after another page.
    assert (app.run().text[0].value, app.query_params["label_column"]) == ("tone", "tone")
    app.query_params["label_column"] = "mood"
    assert app.run().text[0].value == "tone"
    app.query_params.clear()
    assert (app.run().text[0].value, app.query_params["label_column"]) == ("tone", "tone")
    app.session_state["source"] = "other.csv"
    assert app.run().text[0].value == ""
    assert "label_column" not in app.query_params
