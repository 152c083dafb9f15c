"""The references for scale and the overlap with the training rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from finsent.data.checks import find_issues
from finsent.data.dataset import load_data, split_rows
from finsent.metrics.figures import Overlap
from finsent.metrics.reference_models import BAG_OF_WORDS, MAJORITY, overlap_with_training, reference_predictions
from tests.predictions import as_trained, made_predictions


@pytest.fixture(scope="module")
def news() -> pd.DataFrame:
    rows = load_data("embedded").rows
    return split_rows(rows[rows["answers"] == "positive|neutral|negative"].reset_index(drop=True))


def test_the_bag_of_words_agrees_with_scikit_learn_called_directly(news: pd.DataFrame):
    training, test = news[news["split"] == "train"].head(300), news[news["split"] == "test"]
    tables = reference_predictions(training, test)
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    model = LogisticRegression(C=10.0, max_iter=1_000)
    model.fit(vectors.fit_transform(training["text"]), training["label"])
    expected = model.predict(vectors.transform(test["text"]))
    assert tables[BAG_OF_WORDS]["predicted"].tolist() == expected.tolist()
    shares = model.predict_proba(vectors.transform(test["text"])).max(axis=1)
    assert tables[BAG_OF_WORDS]["confidence"].to_numpy() == pytest.approx(shares, abs=1e-6)
    most_frequent = training["label"].mode()[0]
    assert set(tables[MAJORITY]["predicted"]) == {most_frequent}
    assert tables[MAJORITY]["row_id"].tolist() == test["row_id"].tolist()


def test_each_row_gets_an_answer_that_its_prompt_allows():
    training = pd.DataFrame(
        {
            "text": ["up", "up up", "down", "flat", "flat", "flat"],
            "label": ["bullish"] * 2 + ["negative"] + ["neutral"] * 3,
        }
    )
    rows = made_predictions(["positive", "bullish"], ["neutral", "neutral"]).assign(text=["up", "up"])
    tables = reference_predictions(training, rows)
    assert tables[BAG_OF_WORDS]["predicted"].tolist()[1] == "bullish"
    assert tables[BAG_OF_WORDS]["predicted"].tolist()[0] in {"positive", "neutral", "negative"}
    assert tables[MAJORITY]["predicted"].tolist() == ["neutral", "neutral"]
    assert tables[MAJORITY][["logp_bullish", "logp_bearish"]].iloc[0].isna().all()
    assert tables[MAJORITY]["confidence"].to_numpy() == pytest.approx([3 / 4, 3 / 5])


def test_training_rows_of_one_label_give_the_majority_alone():
    training = pd.DataFrame({"text": ["a", "b"], "label": ["positive", "positive"]})
    tables = reference_predictions(training, made_predictions(["neutral"], ["neutral"]))
    assert list(tables) == [MAJORITY]
    assert tables[MAJORITY]["predicted"].tolist() == ["positive"]


def test_overlap_counts_each_kind_of_twin():
    training = as_trained(pd.DataFrame({"text": ["Profit rose, 5 %.", "Sales fell", "!!"], "label": "neutral"}))
    rows = made_predictions(["neutral"] * 5, ["neutral"] * 5)
    rows["text"] = ["profit rose 5", "Profit rose 6", "SALES  FELL https://t.example/1", "??", "Losses grew"]
    overlap = overlap_with_training(training, rows)
    assert overlap == Overlap(n=3, same=2, other_digits=1, near=0, of=5, share=0.6, row_ids=["r0", "r1", "r2"])
    nothing = overlap_with_training(training, rows.head(0))
    assert nothing.n == 0 and np.isfinite(nothing.share)


def test_the_data_and_the_verdict_count_the_same_twins():
    """What the checks of a data set say of its test rows is what a run on them is told."""
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    texts = [f"{one} {other} reported sales of {number}" for number, one in enumerate(words) for other in words]
    texts += [f"{texts[0]} again", texts[9].upper(), texts[20].replace("2", "7")]
    rows = pd.DataFrame(
        {"row_id": [f"r{n}" for n in range(len(texts))], "text": texts, "prompt": texts, "label": "neutral"}
    )
    rows["split"] = ["test" if number % 3 == 0 else "train" for number in range(len(rows))]
    rows = as_trained(rows)
    finding = next(one for one in find_issues(rows) if one.title.startswith("Held-out"))
    train, test = (rows[rows["split"] == split] for split in ("train", "test"))
    overlap = overlap_with_training(train, test)
    assert 0 < overlap.n == finding.n < len(test)
    assert tuple(overlap.row_ids) == finding.row_ids
    assert finding.sentence.startswith(f"{overlap.n} of {overlap.of} test texts")
