"""Why, on a page: asked for with a button, in a sentence with marked words, letter by letter, and as a table."""

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finsent.evaluation.attribution import Attribution, Explanation
from finsent.evaluation.classifier import Answer
from finsent.evaluation.words import words_of
from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, POST_ANSWERS
from pages.shared import models, why
from pages.shared.ui import plain_markdown
from tests.hostile import EVIL, READ


def explained(text, effects):
    """An explanation of made effects on positive, neutral and negative, one a word."""
    words = words_of(text)
    whole = Answer("positive", {"positive": 0.9, "neutral": 0.06, "negative": 0.04})
    without = Answer("neutral", {"positive": 0.2, "neutral": 0.71, "negative": 0.09})
    values = [dict(zip(whole.probabilities, one, strict=True)) for one in effects] or [dict.fromkeys("pnx", 0.0)]
    one = Attribution(whole, (without,) * len(words), tuple((values * len(words))[: len(words)]))
    return Explanation(text, tuple(words), "leaving out", one, one)


def test_words_are_marked_by_way_and_strength_and_others_left_alone():
    effects = [(0.01, 0.0, 0.0), (2.0, -0.5, -0.5), (-0.5, 0.6, -0.4), (0.0, 0.0, 0.2)]
    marked = why.marked_text(explained("Sales growth remains weak.", effects), "baseline")
    sales, growth, remains, weak = marked.split(" :color[")[0], *marked.split(":color[")[1:]
    assert sales == "Sales"
    assert growth.startswith("growth ▲▲▲]{background=") and remains.startswith("remains ■■]")
    assert weak.startswith("weak ▼]") and weak.endswith(r"\.")


def test_a_hostile_text_is_marked_letter_by_letter():
    marked = why.marked_text(explained(EVIL, [(2.0, -1.0, -1.0)]), "tuned")
    assert not [mark for mark in READ if mark in marked.replace("\\<", "")]


@pytest.fixture
def shown(runs_dir, monkeypatch):
    asked = []

    def explain(classifier, text, answers, pairs):
        asked.append((text, pairs))
        return explained(text, [(2.0, -0.5, -0.5)])

    monkeypatch.setattr("pages.shared.models.Classifier", lambda *_, **__: None)
    monkeypatch.setattr(why, "explain", explain)
    forget()

    def page():
        from pages.shared.why import show_why

        show_why(None, "Growth **continues**", "one", link=False)

    yield AppTest.from_function(page, default_timeout=30).run(), asked
    forget()


def forget():
    """Nothing made here may answer another test."""
    why._explained.clear()
    models._load.clear()


def test_nothing_is_computed_until_it_is_asked_for_and_once_then(shown):
    app, asked = shown
    assert not app.exception and not asked
    app.button[0].click().run()
    app.run()
    assert not app.exception
    assert asked == [("Growth **continues**", 0)]
    said = " ".join(element.value for element in app.markdown)
    assert plain_markdown("Without “Growth” the baseline says neutral with 71 %") in said
    assert "Without “Growth” the fine" in said
    assert app.dataframe[0].value["word"].tolist() == ["Growth", "continues"]


def test_who_only_looks_cannot_ask(shown, monkeypatch):
    app, asked = shown
    monkeypatch.setattr("pages.shared.access.only_looking", lambda: "Sign in.")
    app.run()
    assert app.button[0].disabled
    # What a browser would not send is not taken, either.
    app.button[0].proto.disabled = False
    app.button[0].click().run()
    assert not asked


@pytest.mark.parametrize(
    ("answers", "kind"),
    [(NEWS_ANSWERS, "News"), (POST_ANSWERS[::-1], "Market posts"), (FIVE_LABELS, None)],
)
def test_the_link_keeps_the_kind_of_prompt(monkeypatch, answers, kind):
    asked = []
    monkeypatch.setattr(st, "page_link", lambda *_, query_params, **__: asked.append(query_params))
    why.what_if(None, "$RJKV turns 30 today", answers)
    (query,) = asked
    assert (query["text"], query["edit"], query["mode"]) == (*["$RJKV turns 30 today"] * 2, why.ONE)
    assert query.get("kind") == kind


@pytest.mark.parametrize(
    ("before", "dtype", "said"),
    [
        (0.87, "bfloat16", "positive 90%; the answer above, rounded differently in bfloat16, was 87%."),
        (0.87, "float32", "positive 90%; the answer above was 87%."),
        (0.895, "bfloat16", None),
    ],
)
def test_an_answer_a_point_or_more_from_that_above_is_told(before, dtype, said):
    explanation = explained("Growth continues", [(2.0, -0.5, -0.5)])
    row = pd.Series({"baseline": "positive", "baseline confidence": before, "tuned": "invalid", "tuned confidence": 0})
    told = why.answered_otherwise(explanation, row, dtype)
    assert not why.answered_otherwise(explanation, pd.Series({"text": "Growth continues"}), dtype)
    assert told == ([f"Answered again here, baseline: {said}"] if said else [])
