"""The Headlines page, with a tiny model in place of the embedded one."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent import worker
from finsent.runs import create_run
from pages._run_parts import safe_title

APP = Path(__file__).parents[2] / "streamlit_app.py"


@pytest.fixture
def page():
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    return app.switch_page("pages/headlines.py").run()


def said(app):
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.info, *app.error])


def classify(app, text):
    app.text_area[0].set_value(text)
    return app.button[0].click().run()


def test_without_a_run_it_says_that_only_the_baseline_answers(runs_dir, page):
    assert not page.exception
    assert "only the baseline answers" in said(page)


def test_both_models_answer_and_texts_stay_plain(runs_dir, tiny_recipe):
    run = create_run(tiny_recipe, runs_dir)
    assert worker.main(run.folder) == 0
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    app = app.switch_page("pages/headlines.py").run()
    nasty = "<b>Profit</b> **rose** [link](http://x)"
    app = classify(app, f"{nasty}\n\nSales fell.")
    assert not app.exception
    assert f"2 texts by the baseline and run {safe_title(run)}" in said(app)
    assert nasty in [element.value for element in app.text]
    assert nasty not in said(app)
    (table,) = [element.value for element in app.dataframe if "text" in element.value]
    assert table["text"].tolist() == [nasty, "Sales fell."]
    assert table[["baseline: positive", "baseline: neutral", "baseline: negative"]].sum(axis=1).round(6).eq(1).all()

    app = classify(app, "x" * 3000)
    assert "the limit is" in said(app)
    assert not app.exception
