"""Words as somebody reads them, and the text without some of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finsent.evaluation.words import text_of, words_of

CASES = {
    "Profit rose, sharply.": ["Profit", "rose", "sharply"],
    "Profit fell to EUR 3.1 million from 4,900 (a loss of -5%).": [
        *["Profit", "fell", "to", "EUR", "3.1", "million", "from", "4,900", "a", "loss", "of", "-5%"]
    ],
    "sales of 1 300 tonnes in 2009 300 people": ["sales", "of", "1 300", "tonnes", "in", "2009", "300", "people"],
    "The shares of Nordlake Systems and Kone Oyj were unchanged today": [
        *["The", "shares", "of", "Nordlake Systems", "and", "Kone Oyj", "were", "unchanged", "today"]
    ],
    "In Tampere a visitor centre opens": ["In", "Tampere", "a", "visitor", "centre", "opens"],
    "Nordlake Profit Rises In Third Quarter": ["Nordlake", "Profit", "Rises", "In", "Third", "Quarter"],
    "HOLD $NVDA 🚀 ↑ 4% … -- #growth": ["HOLD", "$NVDA", "🚀", "↑", "4%", "growth"],
    "the company's state-of-the-art U.S. plant": ["the", "company's", "state-of-the-art", "U.S", "plant"],
    "הרווח עלה 5%": ["הרווח", "עלה", "5%"],
    "... -- ()": [],
}


@pytest.mark.parametrize("text", CASES)
def test_numbers_and_names_are_whole_and_punctuation_is_no_word(text):
    words = words_of(text)
    assert [word.word for word in words] == CASES[text]
    assert all(text[word.start : word.end] == word.word for word in words)


def test_what_is_left_reads_as_a_text():
    text = "Sales rose (strongly), to 5 million."
    words = words_of(text)
    without = [text_of(text, words, [place != gone for place in range(len(words))]) for gone in range(len(words))]
    assert without[0] == "rose (strongly), to 5 million."
    assert without[1] == "Sales (strongly), to 5 million."
    assert without[2] == "Sales rose (), to 5 million."
    assert without[-1] == "Sales rose (strongly), to 5."


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_a_text_with_all_its_words_is_itself_and_without_them_none_is_left(text):
    words = words_of(text)
    assert text_of(text, words, [True] * len(words)) == text.strip()
    assert not words_of(text_of(text, words, [False] * len(words)))
