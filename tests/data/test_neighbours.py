"""The most similar labelled texts."""

import pandas as pd
import pytest

from finsent.data.neighbours import Neighbours
from finsent.errors import EmptyDataError

ROWS = pd.DataFrame(
    {
        "row_id": ["a", "b", "c", "d"],
        "text": [
            "The bank opens a new branch in Lima",
            "The bank opens a branch in Oslo",
            "Profit fell sharply",
            "Café Zürich appoints a chair",
        ],
        "label": ["neutral", "positive", "negative", "neutral"],
    }
)


def test_the_nearest_come_first_with_their_labels():
    found = Neighbours(ROWS).of("The bank opens a branch in Lima today", 2)
    assert found["row_id"].tolist() == ["a", "b"]
    assert found["label"].tolist() == ["neutral", "positive"]
    assert 1 > found["similarity"][0] > found["similarity"][1] > 0


def test_an_identical_text_has_similarity_one():
    assert Neighbours(ROWS).of("PROFIT fell sharply")["similarity"][0] == pytest.approx(1.0)


def test_rows_without_a_shared_word_are_left_out():
    index = Neighbours(ROWS)
    assert index.of("Profit rose")["row_id"].tolist() == ["c"]
    assert index.of("zzz").empty


def test_the_search_can_be_limited_to_labels():
    found = Neighbours(ROWS).of("The bank opens a branch in Oslo", labels=("neutral",))
    assert found["row_id"].tolist()[0] == "a"
    assert set(found["label"]) == {"neutral"}


def test_accents_do_not_hide_a_likeness():
    assert Neighbours(ROWS).of("Cafe Zurich")["row_id"].tolist() == ["d"]


def test_nothing_to_search():
    with pytest.raises(EmptyDataError):
        Neighbours(ROWS.iloc[:0])
