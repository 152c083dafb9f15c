"""Written answers beside scored ones, by hand."""

import pytest

from finsent.errors import RunStateError
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.written_answers import as_generated, disagreements, has_generated
from tests.predictions import made_predictions


def written():
    table = made_predictions(
        ["neutral", "neutral", "positive", "negative"], ["positive", "neutral", "positive", "neutral"]
    )
    return table.assign(
        generated=[" positive", " Well, it depends", " positive", " negative"],
        generated_label=["positive", "invalid", "positive", "negative"],
    )


def test_written_answers_are_judged_with_invalid_ones_as_wrong():
    table = written()
    assert has_generated(table)
    scored, wrote = evaluate_predictions(table), evaluate_predictions(as_generated(table))
    assert (scored.accuracy, scored.invalid) == (0.5, 0)
    assert (wrote.accuracy, wrote.invalid) == (0.5, 1)
    assert wrote.confusion_invalid == [0, 1, 0]
    assert as_generated(table)["confidence"].isna().all()


def test_counting_invalid_as_neutral_flatters_neutral():
    flattered = evaluate_predictions(as_generated(written(), invalid_as_neutral=True))
    assert (flattered.accuracy, flattered.invalid) == (0.75, 0)
    assert flattered.per_class["neutral"].recall == 0.5


def test_disagreements_show_what_was_written():
    rows = disagreements(written())
    assert rows["row_id"].tolist() == ["r1", "r3"]
    assert rows[["scored", "written", "answer"]].to_numpy().tolist() == [
        ["neutral", "invalid", " Well, it depends"],
        ["neutral", "negative", " negative"],
    ]


def test_without_written_answers_there_is_a_clear_word():
    table = made_predictions(["neutral"], ["neutral"])
    assert not has_generated(table)
    assert disagreements(table).empty
    with pytest.raises(RunStateError, match="--generate"):
        as_generated(table)
