"""Words that push neutral texts, on a page: asked for with a button, each word opens its texts."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import pushes
from tests.predictions import made_run, twelve


@pytest.fixture
def shown(runs_dir, monkeypatch):
    run = made_run(runs_dir, *twelve())
    rows = [
        (f"r{row}", f"Text {row} with zeta", word, 0.1 * row, 1.0 + 0.1 * row)
        for row in range(5)
        for word in ("zeta", "text")
    ]
    effects = pd.DataFrame(rows, columns=["row_id", "text", "word", "baseline", "tuned"])
    effects["difference"] = effects["tuned"] - effects["baseline"]
    effects.attrs["left_out"] = 1
    monkeypatch.setattr(pushes, "classifier_of", lambda run: None)
    monkeypatch.setattr(pushes, "neutral_validation_rows", lambda run: None)
    monkeypatch.setattr(pushes, "word_effects", lambda classifier, rows, report: effects)
    monkeypatch.setattr(pushes, "known_as", lambda run: ("model", run.id, 0))

    def page(folder):
        from finsent.runs.store import read_run
        from pages.shared.pushes import show_pushes

        show_pushes(read_run(folder), "one")

    yield AppTest.from_function(page, args=(run.folder,), default_timeout=30).run()
    pushes._effects.clear()


def test_the_words_are_asked_for_and_one_shows_its_texts(shown):
    assert not shown.exception and not shown.dataframe
    app = shown.button[0].click().run()
    assert not app.exception
    table, texts = (element.value for element in app.dataframe)
    assert table["word"].tolist() == ["text", "zeta"]
    assert table["texts"].tolist() == [5, 5]
    assert table["fine-tuned"].tolist() == pytest.approx([1.2, 1.2])
    assert len(texts) == 5
    said = " ".join(element.value for element in app.caption)
    assert "5 texts; 1 too long" in said and "2 of 2 intervals" in said
