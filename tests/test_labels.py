"""Labels: reading an answer, and the answer set that a system prompt names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finsent.labels import (
    FIVE_LABELS,
    INVALID,
    NEWS_ANSWERS,
    POST_ANSWERS,
    THREE_LABELS,
    TO_THREE,
    answers_in,
    join_answers,
    parse_answer,
    split_answers,
)
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT

WRAPPING = st.sampled_from(["", " ", "\n", '"', "**", "`", "(", "[", " - ", ": "])
AFTER = st.sampled_from(
    ["", ".", "!", " because profit rose", "\n\nFinancial text:", "**", '"', ", negative", "</s>", "1"]
)


@pytest.mark.parametrize(
    ("generated", "expected"),
    [
        (" positive", "positive"),
        ("Positive.", "positive"),
        ("NEUTRAL\n", "neutral"),
        ("**negative**", "negative"),
        ("positive, negative", "positive"),
        ("positively", INVALID),
        ("It is positive", INVALID),
        ("not positive", INVALID),
        ("1. positive", INVALID),
        ("“positive”", "positive"),
        ("— ‘neutral’", "neutral"),
        ("{negative}", "negative"),
        ("bullish", INVALID),
        ("", INVALID),
        ("   \n", INVALID),
        ("?", INVALID),
        ("positivé", INVALID),
        ("neutral-positive", "neutral"),
    ],
)
def test_answers_in_the_news_set(generated, expected):
    assert parse_answer(generated, NEWS_ANSWERS) == expected


@given(st.sampled_from(FIVE_LABELS), WRAPPING, AFTER, st.booleans())
def test_a_label_first_is_read_within_its_own_set_only(label, before, after, shout):
    said = before + (label.upper() if shout else label) + after
    for answers in (NEWS_ANSWERS, POST_ANSWERS):
        assert parse_answer(said, answers) == (label if label in answers else INVALID)


@given(st.text(), st.sampled_from([NEWS_ANSWERS, POST_ANSWERS]))
def test_any_text_gives_a_label_that_it_contains_or_invalid(generated, answers):
    parsed = parse_answer(generated, answers)
    assert parsed == INVALID or (parsed in answers and parsed in generated.lower())


@given(st.text().filter(lambda text: not any(label in text.lower() for label in FIVE_LABELS)))
def test_what_names_no_label_is_invalid_never_neutral(generated):
    assert parse_answer(generated, NEWS_ANSWERS) == INVALID


def test_system_prompts_name_their_answers_in_order():
    assert answers_in(NEWS_SYSTEM_PROMPT) == ("positive", "neutral", "negative")
    assert answers_in(POST_SYSTEM_PROMPT) == ("bearish", "neutral", "bullish")


def test_only_the_last_clause_of_a_system_prompt_counts():
    prompt = "Bullish means positive. Say whether it is neutral.Only reply with bearish, neutral, or bullish."
    assert answers_in(prompt) == POST_ANSWERS
    assert answers_in("Answer the question.") == ()


def test_three_classes_cover_every_label():
    assert set(TO_THREE) == {*FIVE_LABELS, INVALID}
    assert {TO_THREE[label] for label in FIVE_LABELS} == set(THREE_LABELS)
    assert (TO_THREE["bullish"], TO_THREE["bearish"], TO_THREE[INVALID]) == ("positive", "negative", INVALID)


@given(st.lists(st.sampled_from(FIVE_LABELS), min_size=1, unique=True))
def test_answer_sets_survive_a_table_cell(answers):
    assert split_answers(join_answers(tuple(answers))) == tuple(answers)
