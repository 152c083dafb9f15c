"""What errors share: a planted word is found and confirmed, luck is not, and nothing is said where nothing splits."""

import numpy as np
import pandas as pd
import pytest

from finsent.errors import EmptyDataError, UsageError
from finsent.evaluation.disagreement import agreement_sentence, disagreement, row_answers, runs_disagree
from finsent.evaluation.features import readable_features
from finsent.evaluation.slices import ANY, find_slices, slice_sentence, slices_table
from tests.predictions import made_predictions

WORDS = ["harbour", "branch", "visitors", "meeting", "agenda", "building", "season", "opening"]


def table(planted, n=240, seed=0):
    """Neutral rows, half of them of the validation split; where ``planted``, those with zeta are called positive."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, 5)) for _ in range(n)]
    zeta = random.random(n) < 0.3
    luck = random.random(n) < 0.15
    wrong = luck | (zeta & (random.random(n) < 0.8)) if planted else luck
    made = made_predictions(["neutral"] * n, np.where(wrong, "positive", "neutral"))
    made["text"] = [f"{text} zeta" if has else text for text, has in zip(texts, zeta, strict=True)]
    return made.assign(split=np.where(np.arange(n) < n // 2, "validation", "test"))


def test_a_planted_word_is_found_and_confirmed():
    found = find_slices(table(planted=True))
    first = found.confirmed[0]
    assert first.words[0] == "has “zeta”"
    assert first.kind in (ANY, "neutral called positive")
    assert first.test.inside_share > 0.6 > 0.3 > first.test.outside_share
    assert first.test.inside + first.test.outside == found.test_n == 120
    assert first.difference.ci.low > 0 and first.p < 0.05
    assert len(first.row_ids) == first.test.inside_errors
    kinds = slices_table(found).set_index("error")
    assert kinds.index.tolist() == list(found.kinds)
    assert kinds.loc[first.kind, ["group", "on test rows"]].tolist() == [" and ".join(first.words), "confirmed"]
    assert kinds.loc[first.kind, "test, inside"] in slice_sentence(first)


def test_luck_is_not_confirmed():
    assert find_slices(table(planted=False)).confirmed == ()


def test_rows_are_needed_and_kinds_too_rare_are_passed_over():
    right = made_predictions(["neutral"] * 60, ["neutral"] * 60)
    found = find_slices(right.assign(split=["validation"] * 30 + ["test"] * 30))
    assert (found.kinds, found.found) == ((), ())
    with pytest.raises(EmptyDataError, match="groups need"):
        find_slices(right)


def test_features_can_be_read_off_a_text():
    texts = ["Profit will not rise by 5%", "Nokia Networks may have sold it for EUR 3", "Is it last?"]
    rows = pd.DataFrame({"text": texts, "label": "neutral", "answers": "positive|neutral|negative"})
    rows = rows.assign(source="made", topic=["", "deals", ""])
    training = pd.DataFrame({"row_id": ["a"], "text": ["Nokia Networks sold it"], "label": ["positive"]})
    found = readable_features(rows, training, np.array([True, True, True]))
    assert found["words"].tolist() == [6, 9, 3]
    for name, expected in {
        "has a number": [1, 1, 0],
        "has a per cent": [1, 0, 0],
        "has a negation": [1, 0, 0],
        "speaks of the future": [1, 0, 0],
        "hedges": [0, 1, 0],
        "names a currency": [0, 1, 0],
        "names a company": [0, 1, 0],
        "asks a question": [0, 0, 1],
        "topic deals": [0, 1, 0],
        "most similar training rows have another label": [0, 1, 1],
    }.items():
        assert found[name].tolist() == expected, name


def test_runs_disagree_on_rows_with_their_probabilities():
    gold = ["neutral", "neutral", "positive", "negative"]
    one = made_predictions(gold, gold, 0.9)
    other = made_predictions(gold, ["positive", "neutral", "positive", "positive"], 0.6)
    found = disagreement({"one": one, "other": other})
    assert found.rows["row_id"].tolist() == ["r0", "r3"]
    assert found.rows.loc[0, ["one", "other", "right"]].tolist() == ["neutral", "positive", 1]
    assert (found.pairs[0].same, found.pairs[0].n) == (2, 4)
    assert agreement_sentence(found.pairs[0]).startswith("“one” and “other” answer alike on 2 of 4 rows (50.0%, 95 %: ")
    one, other = row_answers(found, found.rows.iloc[0]).to_dict("records")
    assert one == {"run": "one", "answer": "neutral", "probability": pytest.approx(0.9), "right": True}
    assert (other["answer"], other["right"]) == ("positive", False)
    with pytest.raises(UsageError, match="2 to 6"):
        runs_disagree([])


def test_rows_on_which_the_surest_runs_contradict_one_another_come_first():
    gold = ["neutral", "neutral"]
    tables = {
        "one": made_predictions(gold, ["positive", "positive"], 0.99),
        "two": made_predictions(gold, ["positive", "neutral"], 0.97),
        # Unsure, and no reason to put the second row behind the first.
        "three": made_predictions(gold, ["neutral", "neutral"], 0.5),
    }
    assert disagreement(tables).rows["row_id"].tolist() == ["r1", "r0"]
