"""Labels worth a second look: flipped ones are found, twins do not vouch for one another, rare labels are left out."""

import numpy as np
import pandas as pd
import pytest

from finsent.errors import EmptyDataError
from finsent.evaluation.suspects import WORDS, WORDS_AND_MODEL, label_suspects
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions

NEWS, POST = "positive|neutral|negative", "bearish|neutral|bullish"
SAYS = {"positive": "profit rose sharply", "neutral": "a branch opens in town", "negative": "loss widened again"}
PLACES = ("Lima", "Oslo", "Graz", "Turin", "Bergen", "Lyon", "Porto", "Ghent")


def table(n=90, flipped=(4, 40, 80)):
    labels = [list(SAYS)[number % 3] for number in range(n)]
    texts = [f"{PLACES[n % 8]} {SAYS[label]} {PLACES[(n * 5 + 3) % 8]} {n}" for n, label in enumerate(labels)]
    given = [SAYS_NEXT[label] if number in flipped else label for number, label in enumerate(labels)]
    return pd.DataFrame(
        {"row_id": [f"r{n}" for n in range(n)], "text": texts, "label": given, "answers": NEWS, "split": "train"}
    )


SAYS_NEXT = {"positive": "neutral", "neutral": "negative", "negative": "positive"}


def test_flipped_labels_come_first_with_their_evidence():
    found = label_suspects(table())
    assert (found.n, found.left_out) == (90, 0)
    first = found.rows.head(3)
    assert set(first["row_id"]) == {"r4", "r40", "r80"}
    assert dict(zip(first["row_id"], first["likely"], strict=True)) == {
        "r4": "neutral",
        "r40": "neutral",
        "r80": "negative",
    }
    assert (first["p_likely"] > first["p_label"]).all()
    assert set(found.rows["evidence"]) == {WORDS}
    assert found.rows["model says"].eq("").all() and found.rows["model sure"].isna().all()
    assert (first["similar agree"] < first["similar"]).all()
    assert found.rows["quality"].is_monotonic_increasing


def test_the_models_own_view_counts_where_it_has_not_trained():
    rows = table(flipped=(4,))
    held = rows.iloc[[1, 4]].assign(source="", topic="", split="test")
    logp = pd.DataFrame(np.nan, index=range(2), columns=LOGP_COLUMNS)
    logp[["logp_positive", "logp_neutral", "logp_negative"]] = np.log([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]])
    found = label_suspects(rows, label_predictions(held.reset_index(drop=True), logp)).rows.set_index("row_id")
    assert found.loc["r4", ["evidence", "model says", "likely"]].tolist() == [WORDS_AND_MODEL, "neutral", "neutral"]
    assert found.loc["r4", "model sure"] == pytest.approx(0.98)
    assert found.index[0] == "r4"
    # Without the model's doubt, the words alone do not list it.
    assert "r1" not in label_suspects(rows).rows["row_id"].tolist()


def test_twins_are_kept_together():
    """A flipped label is not confirmed by a copy of its text with the same flipped label."""
    rows = table(flipped=(4,))
    twin = rows.iloc[[4]].assign(row_id="twin", text=rows["text"][4].upper() + "!")
    found = label_suspects(pd.concat([rows, twin], ignore_index=True)).rows
    assert set(found["row_id"].head(2)) == {"r4", "twin"}


def test_each_answer_set_is_looked_at_alone_and_rare_labels_are_left_out():
    posts = table(60, flipped=(10,))
    named = {"positive": "bullish", "negative": "bearish", "neutral": "neutral"}
    posts = posts.assign(row_id="p" + posts["row_id"], label=posts["label"].map(named), answers=POST)
    rare = table(3, ()).head(1).assign(row_id="rare", answers="positive|negative")
    found = label_suspects(pd.concat([table(), posts, rare], ignore_index=True))
    assert (found.n, found.left_out) == (150, 1)
    assert set(found.rows["row_id"].head(4)) == {"r4", "r40", "r80", "pr10"}
    with pytest.raises(EmptyDataError, match="too few rows"):
        label_suspects(rare)
