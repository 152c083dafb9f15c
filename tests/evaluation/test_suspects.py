"""Labels worth a second look: flipped ones are found, twins do not vouch for one another, rare labels are left out."""

import numpy as np
import pandas as pd
import pytest

from finsent.data.prepared import prepare
from finsent.errors import EmptyDataError
from finsent.evaluation.suspects import MODEL, STATES, WORDS, kept_states, label_suspects, run_reading, run_suspects
from finsent.evaluation.text_states import compute_states
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions
from finsent.runs.store import create_run

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
    assert found.loc["r4", ["evidence", "model says", "likely"]].tolist() == [f"{WORDS}, {MODEL}", "neutral", "neutral"]
    assert found.loc["r4", "model sure"] == pytest.approx(0.98)
    assert found.index[0] == "r4"
    # Without the model's doubt, the words alone do not list it.
    assert "r1" not in label_suspects(rows).rows["row_id"].tolist()


def test_what_a_base_model_has_read_speaks_too():
    """Texts that share no word with others, but whose states tell the labels apart."""
    rows = table(flipped=(4,)).assign(text=[f"w{n} x{n}" for n in range(90)])
    truth = np.eye(3)[[number % 3 for number in range(90)]]
    states = pd.DataFrame(truth + np.random.default_rng(0).normal(scale=0.1, size=(90, 3)), index=rows["row_id"])
    found = label_suspects(rows, states=states[:80])
    assert (found.n, found.read) == (90, 80)
    read = found.rows[found.rows["evidence"] == f"{WORDS}, {STATES}"]
    assert read[["row_id", "likely"]].values[0].tolist() == ["r4", "neutral"]
    assert set(found.rows["evidence"]) <= {WORDS, f"{WORDS}, {STATES}"}


def test_a_runs_suspects_take_what_its_base_model_has_read(runs_dir, tiny_recipe):
    run = create_run(tiny_recipe, runs_dir)
    data = prepare(run.recipe)
    assert kept_states(run, data) is None and run_suspects(run, data).read == 0
    some, reading = run_reading(run, data)
    compute_states(reading, runs_dir)
    states = kept_states(run, data)
    assert states.shape == (len(data.train) + len(data.judged), 128) and set(states.index) == set(some["row_id"])
    found = run_suspects(run, data)
    assert found.read == len(states) and found.rows["evidence"].str.contains(STATES).all()


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


def test_how_far_it_is_is_told():
    told = []
    found = label_suspects(table(), report=lambda *one: told.append(one))
    fits = [one for one in told if one[0] == "models that learn from other rows"]
    assert [done for _, done, _ in fits] == list(range(1, len(fits) + 1))
    assert fits[-1][1] == fits[-1][2]
    assert [done for what, done, _ in told if what.startswith("doubtful rows")][-1:] == [len(found.rows)]
