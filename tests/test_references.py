"""The references for scale and the overlap with the training rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from finsent.datasets import load_data, split_rows
from finsent.references import BAG_OF_WORDS, MAJORITY, overlap_with_training, reference_predictions
from tests.predictions import made_predictions


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


def test_overlap_is_found_whatever_the_case_and_the_punctuation():
    training = pd.DataFrame({"text": ["Profit rose, 5 %.", "Sales fell", "!!"]})
    rows = made_predictions(["neutral"] * 4, ["neutral"] * 4)
    rows["text"] = ["profit rose 5", "Profit rose 6", "SALES  FELL https://t.example/1", "??"]
    overlap = overlap_with_training(training, rows)
    assert overlap == {"n": 2, "of": 4, "share": 0.5, "row_ids": ["r0", "r2"]}
    nothing = overlap_with_training(training, rows.head(0))
    assert nothing["n"] == 0 and np.isfinite(nothing["share"])
