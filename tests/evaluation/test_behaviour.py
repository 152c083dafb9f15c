"""Behavioural tests: which texts a rule applies to, and what counts as a failure."""

import pandas as pd
import pytest

from finsent.errors import EmptyDataError, RunStateError
from finsent.evaluation.behaviour import behave, edited_rows, failures, run_behaviour
from finsent.evaluation.classifier import text_rows
from finsent.evaluation.tried import tried_table, try_edits
from finsent.inference.predictions import MODELS

TEXTS = ["Profit rose.", "Sales rose 5 %.", "The meeting is in May."]


@pytest.fixture
def rows(both_models):
    table = text_rows(TEXTS).assign(label=["positive", "neutral", "neutral"])
    return table.assign(**{model: both_models.score(table, model == "tuned")["predicted"] for model in MODELS})


def test_a_rule_that_turns_the_label_applies_to_texts_with_an_opposite(rows):
    edited = edited_rows(rows)
    turned = edited[edited["expects"] != "keep"]
    assert set(turned["original"]) == {"Profit rose."}
    assert turned["rule"].tolist() == ["rose or fell", "negation"]
    assert edited[edited["rule"] == "another date"]["text"].tolist() == ["The meeting is in February."]
    assert all(text in prompt for text, prompt in zip(edited["text"], edited["prompt"], strict=True))


def test_answers_and_failures_are_those_of_each_edit_alone(both_models, rows):
    seen = []
    outcomes = behave(both_models, rows, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2 * len(outcomes), 2 * len(outcomes))
    for model in MODELS:
        alone = both_models.score(text_rows(outcomes["edited"].tolist()), model == "tuned")["predicted"]
        assert outcomes[f"{model} edited"].tolist() == alone.tolist()
        for _, one in outcomes.iterrows():
            expected = {
                "keep": one[f"{model} edited"] != one[model],
                "flip": one[f"{model} edited"] != "negative",
                "change": one[f"{model} edited"] == "positive",
            }[one["expects"]]
            assert one[f"{model} failed"] == expected
    failed = failures(outcomes, "capitals")
    assert (failed["baseline failed"] | failed["tuned failed"]).all()


def test_without_a_text_that_a_rule_fits_it_is_said(both_models):
    rows = text_rows(["…!"]).assign(label="neutral", baseline="neutral", tuned="neutral")
    with pytest.raises(EmptyDataError, match="No rule applies"):
        behave(both_models, rows)


def test_a_run_without_an_adapter_is_refused(runs_dir):
    from tests.predictions import made_run, twelve

    with pytest.raises(RunStateError, match="missing"):
        run_behaviour(made_run(runs_dir, *twelve()))


def test_edits_of_a_text_are_answered_beside_it(both_models):
    original, tried = try_edits(both_models, TEXTS[0], ("Profit fell today.",))
    table = tried_table(original, tried)
    assert table["rule"].tolist() == ["your own", "capitals", "full stop", "rose or fell", "negation"]
    alone = both_models.classify([TEXTS[0], *table["edit"]])
    assert table["baseline"].tolist() == [one.baseline.label for one in alone[1:]]
    assert table["fine-tuned sure"].tolist() == pytest.approx(
        [max(one.tuned.probabilities.values()) for one in alone[1:]], abs=1e-4
    )
    assert table["baseline as expected"][0] == ""
    label = original.baseline.label
    assert table["baseline as expected"][1] == ("yes" if table["baseline"][1] == label else "no")


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_rows_keep_their_own_prompt(label):
    rows = pd.concat(
        [text_rows(["Sales rose."]).assign(label=label, system_prompt="Own prompt.", baseline="", tuned="")]
    )
    assert edited_rows(rows)["prompt"].str.startswith("Own prompt.\n\nFinancial text:\n").all()
