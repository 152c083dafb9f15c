"""The way from a text to Headlines, where it can be changed: the same model, and the same kind of prompt."""

import pytest
import streamlit as st

from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, POST_ANSWERS
from pages.shared.why import what_if


@pytest.mark.parametrize(
    ("answers", "kind"),
    [(NEWS_ANSWERS, "News"), (POST_ANSWERS[::-1], "Market posts"), (FIVE_LABELS, None)],
)
def test_the_link_keeps_the_kind_of_prompt(monkeypatch, answers, kind):
    asked = []
    monkeypatch.setattr(st, "page_link", lambda *_, query_params, **__: asked.append(query_params))
    what_if(None, "$RJKV turns 30 today", answers)
    assert asked == [{"text": "$RJKV turns 30 today"} | ({"kind": kind} if kind else {})]
