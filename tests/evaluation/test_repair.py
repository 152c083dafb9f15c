"""The repair set: rows like the errors, and never a test text."""

import pandas as pd
import pytest

from finsent.errors import EmptyDataError
from finsent.evaluation.repair import repair_pool, repair_set
from tests.predictions import made_predictions, made_run

ERRORS = pd.DataFrame({"text": ["The bank opens a branch", "A dividend as last year"]})
NEWS, POST = "positive|neutral|negative", "bearish|neutral|bullish"


def pool():
    return pd.DataFrame(
        [
            ("a", "The bank opens a new branch", "neutral", NEWS, "train"),
            ("b", "The bank opens with a record profit", "positive", NEWS, "train"),
            ("c", "$BNK opens flat, dividend as before", "neutral", POST, "validation"),
            ("d", "Nothing alike", "neutral", NEWS, "train"),
        ],
        columns=["row_id", "text", "label", "answers", "split"],
    )


def test_neutral_rows_like_the_errors_each_once_with_their_family():
    rows = repair_set(ERRORS, pool())
    assert rows["row_id"].tolist() == ["a", "c"]
    assert rows["family"].tolist() == ["news", "post"]
    assert rows["similarity"].is_monotonic_decreasing
    assert list(rows.columns[:2]) == ["text", "label"]


def test_other_labels_come_on_request():
    assert set(repair_set(ERRORS, pool(), labels=None)["row_id"]) == {"a", "b", "c"}


def test_the_number_is_per_error():
    assert repair_set(ERRORS, pool(), per_error=1)["row_id"].tolist() == ["a", "c"]
    assert repair_set(ERRORS.head(1), pool(), per_error=1)["row_id"].tolist() == ["a"]


@pytest.mark.parametrize("errors", [ERRORS.head(0), pd.DataFrame({"text": ["zzz"]})])
def test_nothing_alike_is_said(errors):
    with pytest.raises(EmptyDataError, match="no repair set"):
        repair_set(errors, pool())


def test_test_texts_never_go_in_not_even_as_a_copy(runs_dir):
    judged = made_predictions(["neutral"] * 4, ["positive"] * 4)
    judged.loc[0, "split"] = "validation"
    judged.loc[1, "split"] = "validation"
    judged.loc[1, "text"] = judged.loc[2, "text"].upper() + " "
    training = pd.DataFrame(
        {"row_id": ["t1", "t2"], "text": ["Made text 9", judged.loc[3, "text"]], "label": "neutral", "answers": NEWS}
    )
    run = made_run(runs_dir, judged, judged, training)
    assert repair_pool(run)["row_id"].tolist() == ["t1"]
    rows = repair_pool(run, with_validation=True)
    assert rows["row_id"].tolist() == ["t1", "r0"]
    assert rows["split"].tolist() == ["train", "validation"]
