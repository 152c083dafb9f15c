"""Words that push neutral texts towards positive: the effects beside those of each text alone, and their means."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finsent.errors import EmptyDataError
from finsent.evaluation.attribution import explain
from finsent.evaluation.classifier import text_rows
from finsent.evaluation.pushes import push_table, texts_with, word_effects
from finsent.labels import POST_ANSWERS


def test_the_effects_are_those_of_each_text_by_itself(both_models):
    texts = ["Zeta opens a shop", "A shop opens, opens"]
    rows = pd.concat([text_rows(texts[:1]), text_rows(texts[1:], POST_ANSWERS)]).assign(row_id=["a", "b"])
    seen = []
    effects = word_effects(both_models, rows, lambda done, total: seen.append((done, total)))
    assert effects["word"].tolist() == ["zeta", "opens", "a", "shop", "a", "shop", "opens"]
    explained = [explain(both_models, texts[0]), explain(both_models, texts[1], POST_ANSWERS)]
    for model in ("baseline", "tuned"):
        first, second = (one.models[model].effects for one in explained)
        expected = [one["positive"] for one in first] + [one["bullish"] for one in second]
        expected = [*expected[:6], np.mean(expected[6:])]
        np.testing.assert_allclose(effects[model], expected, atol=2e-4)
    np.testing.assert_allclose(effects["difference"], effects["tuned"] - effects["baseline"])
    assert seen[-1] == (20, 20)


def test_what_cannot_be_explained_is_counted(both_models):
    rows = text_rows(["word " * 81, "Zeta opens", "..."])
    effects = word_effects(both_models, rows)
    assert effects.attrs["left_out"] == 2
    assert set(effects["text"]) == {"Zeta opens"}
    with pytest.raises(EmptyDataError, match="between 1 and 80 words"):
        word_effects(both_models, rows.iloc[[0, 2]])


@pytest.fixture
def effects():
    random = np.random.default_rng(0)
    rows = [(f"r{row}", "text", word) for row in range(20) for word in ("zeta", "the") if word == "the" or row < 6]
    rows += [("r0", "text", "rare"), ("r1", "text", "rare")]
    table = pd.DataFrame(rows, columns=["row_id", "text", "word"])
    table["baseline"] = random.normal(size=len(table))
    table["tuned"] = random.normal(size=len(table)) + 2 * (table["word"] == "zeta")
    return table.assign(difference=table["tuned"] - table["baseline"])


def test_means_have_students_intervals_and_rare_words_none(effects):
    table = push_table(effects)
    assert table["word"].tolist() == ["zeta", "the"]
    assert table["texts"].tolist() == [6, 20]
    for name in ("baseline", "tuned", "difference"):
        values = effects.loc[effects["word"] == "zeta", name]
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert table.loc[0, [name, f"{name} low", f"{name} high"]].tolist() == pytest.approx([values.mean(), *interval])
    assert "rare" in push_table(effects, min_texts=2)["word"].tolist()


def test_a_word_opens_its_texts(effects):
    found = texts_with(effects, "zeta")
    assert len(found) == 6
    assert found["tuned"].is_monotonic_decreasing
