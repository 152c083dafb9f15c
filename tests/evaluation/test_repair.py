"""The repair set: rows like the errors, and never a test text."""

import pandas as pd
import pytest

from finsent.errors import EmptyDataError
from finsent.evaluation.edits import rule_named
from finsent.evaluation.repair import repair_pool, repair_set, rule_repair_set, run_rule_repair_set
from tests.predictions import made_predictions, made_run

ERRORS = pd.DataFrame({"text": ["The bank opens a branch", "A dividend as last year"]})
NEWS, POST = "positive|neutral|negative", "bearish|neutral|bullish"


def rows_of(parts):
    return pd.DataFrame(parts, columns=["row_id", "text", "label", "answers", "split"])


def pool():
    return rows_of(
        [
            ("a", "The bank opens a new branch", "neutral", NEWS, "train"),
            ("b", "The bank opens with a record profit", "positive", NEWS, "train"),
            ("c", "$BNK opens flat, dividend as before", "neutral", POST, "validation"),
            ("d", "Nothing alike", "neutral", NEWS, "train"),
        ]
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


def behaved(texts, rule="rose or fell", failed=True):
    columns = {"row_id": [f"v{n}" for n in range(len(texts))], "rule": rule, "text": texts}
    return pd.DataFrame(columns | {"baseline failed": True, "tuned failed": failed})


def moving_pool():
    return rows_of(
        [
            ("a", "Profit rose at the mill", "positive", NEWS, "train"),
            ("b", "The mill opens a shop", "neutral", NEWS, "train"),
            ("c", "$MILL fell today", "bearish", POST, "train"),
            ("d", "Profit fell at the mill", "negative", NEWS, "train"),
            ("e", "Sales rose at the mill shop", "neutral", NEWS, "train"),
        ]
    )


def test_a_failed_rule_gives_texts_it_applies_to_and_their_edits_which_are_called_synthetic():
    rows = rule_repair_set(behaved(["Orders rose at the mill"]), rule_named("rose or fell"), moving_pool())
    made = rows[rows["dataset"] == "synthetic: rose or fell"].set_index("row_id")
    # The edits of “a” and “d” are texts of the pool already, and neutral news has no opposite.
    assert made.loc["c, rose or fell", ["text", "label", "family"]].tolist() == ["$MILL rose today", "bullish", "post"]
    assert made.index.tolist() == ["c, rose or fell"]
    assert rows["row_id"].tolist() == ["c", "c, rose or fell"]
    kept = rule_repair_set(behaved(["MILL rose"], "capitals"), rule_named("capitals"), moving_pool(), per_error=1)
    assert kept["label"].nunique() == 1 and kept["text"][1] == kept["text"][0].upper()


@pytest.mark.parametrize(
    ("rule", "outcomes", "told"),
    [
        ("negation", behaved(["Profit rose"], "negation"), "not to which"),
        ("rose or fell", behaved(["Profit rose"], failed=False), "on none of these texts"),
        ("profit or loss", behaved(["Profit rose"], "profit or loss"), "applies to no training text"),
    ],
)
def test_a_rule_that_gives_no_repair_set_is_said(rule, outcomes, told):
    pool = moving_pool()[lambda rows: ~rows["text"].str.contains("Profit")]
    with pytest.raises(EmptyDataError, match=told):
        rule_repair_set(outcomes, rule_named(rule), pool.reset_index(drop=True))


def test_an_edit_that_is_a_test_text_is_left_out(runs_dir):
    judged = made_predictions(["bullish"] * 2, ["bullish"] * 2)
    judged.loc[0, "text"] = "$mill rose today"
    run = made_run(runs_dir, judged, judged, moving_pool()[["row_id", "text", "label", "answers"]])
    rows = run_rule_repair_set(run, behaved(["It rose today"]), rule_named("rose or fell"), repair_pool(run))
    assert rows["row_id"].tolist() == ["c"]
