"""Words that mark labels, against counts made by hand, and lengths and maps of texts."""

import numpy as np
import pandas as pd
import pytest

from finsent.data.text_map import text_map, vector_map
from finsent.errors import EmptyDataError
from finsent.inference.lengths import limit_table, token_lengths
from finsent.inference.token_view import token_table
from finsent.metrics.words import contrast, label_words, word_presence


def test_a_contrast_is_that_of_the_formula():
    texts = pd.Series(["rose well", "rose again", "fell again", "fell badly", "fell well"])
    words, present = word_presence(texts, 2)
    table = contrast(words, present, np.array([True, True, False, False, False])).set_index("word")
    rose = table.loc["rose"]
    assert (rose["inside"], rose["outside"]) == (2, 0)
    # Words in two texts or more: rose 2, fell 3, well 2, again 2; inside rose 2, well 1, again 1.
    a, b = 2 + 2, 0 + 2
    inside, outside = 4 + 9, 5 + 9
    expected = np.log(a / (inside - a)) - np.log(b / (outside - b))
    assert rose["log_odds"] == pytest.approx(expected)
    assert rose["z"] == pytest.approx(expected / np.sqrt(1 / a + 1 / b))


def test_words_mark_the_label_that_they_were_written_for():
    rows = pd.DataFrame(
        {
            "text": [f"profit {word} this year" for word in ("rose", "fell", "stays")] * 40,
            "label": ["positive", "negative", "neutral"] * 40,
        }
    )
    table = label_words(rows)
    assert dict(zip(table["label"], table["word"], strict=True)) == {
        "positive": "rose",
        "negative": "fell",
        "neutral": "stays",
    }
    assert label_words(rows.assign(label="neutral")).empty
    styled = rows.assign(text=rows["text"].where(rows["label"].ne("neutral"), "it will be so this year, profit stays"))
    assert label_words(styled).query("label == 'neutral'")["word"].tolist() == ["stays"]


def test_a_length_is_the_number_of_tokens_of_the_row(tiny_tokenizer, tiny_recipe):
    from finsent.data.prepared import prepare

    rows = prepare(tiny_recipe).train.head(6)
    lengths = token_lengths(tiny_tokenizer, rows)
    assert lengths.tolist() == [len(token_table(tiny_tokenizer, rows, one)) for one in rows["row_id"]]
    cut = limit_table(lengths, (int(lengths.max()), int(lengths.min()), 1))
    assert cut["rows"].tolist() == [0, int((lengths > lengths.min()).sum()), 6]


def test_texts_of_one_kind_stand_together_on_the_map_and_a_seed_makes_it_again():
    kinds = {"oil": "crude oil barrel price", "bank": "bank loan deposit rate", "jobs": "plant hires staff workers"}
    chance = np.random.default_rng(0)
    texts = [
        (kind, " ".join(chance.permutation(f"{words} {chance.choice(['today', 'again', 'now'])}".split())))
        for kind, words in kinds.items()
        for _ in range(40)
    ]
    table = pd.DataFrame(texts, columns=["kind", "text"])
    places = text_map(table["text"])
    pd.testing.assert_frame_equal(places, text_map(table["text"]))
    centres = places.groupby(table["kind"]).mean()
    nearest = [centres.index[((centres - place) ** 2).sum(axis=1).argmin()] for place in places.to_numpy()]
    assert (table["kind"] == nearest).mean() > 0.95


@pytest.mark.parametrize("texts", [["a b"] * 5, [chr(97 + n) * 5 for n in range(20)]])
def test_texts_without_words_in_common_have_no_map(texts):
    with pytest.raises(EmptyDataError):
        text_map(pd.Series(texts))


def test_vectors_of_one_kind_stand_together_on_the_map_and_a_seed_makes_it_again():
    chance = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], 40)
    vectors = (10 * chance.normal(size=(3, 64))[kinds] + chance.normal(size=(120, 64))).astype(np.float32)
    index = pd.RangeIndex(120)
    places = vector_map(vectors, index)
    pd.testing.assert_frame_equal(places, vector_map(vectors, index))
    centres = places.groupby(kinds).mean()
    nearest = [centres.index[((centres - place) ** 2).sum(axis=1).argmin()] for place in places.to_numpy()]
    assert (kinds == nearest).mean() > 0.95


@pytest.mark.parametrize("vectors", [np.eye(5), np.ones((20, 4))])
def test_vectors_that_are_few_or_all_the_same_have_no_map(vectors):
    with pytest.raises(EmptyDataError):
        vector_map(vectors, pd.RangeIndex(len(vectors)))
