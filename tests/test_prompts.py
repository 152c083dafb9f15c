"""Prompts must be those of the data, byte for byte."""

import pandas as pd
import pytest

from finsent.labels import NEWS_ANSWERS, POST_ANSWERS, answers_in
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT, build_prompt, completion, system_prompt_for
from tests.conftest import shared_data


def test_the_prompt_letter_by_letter():
    assert build_prompt(NEWS_SYSTEM_PROMPT, "Sales rose.").encode() == (
        b"You are a financial sentiment analysis expert. Your task is to analyze the sentiment expressed in the given "
        b"financial text.Only reply with positive, neutral, or negative.\n\nFinancial text:\nSales rose.\n\nAnswer:"
    )
    assert POST_SYSTEM_PROMPT.endswith("financial text.Only reply with bearish, neutral, or bullish.")


@pytest.mark.parametrize("text", ["", " two  spaces ", "line\nbreak", "100 % {0} {label} \\n", "€ 日本 😀"])
def test_a_text_stands_in_the_prompt_unchanged(text):
    prompt = build_prompt(NEWS_SYSTEM_PROMPT, text)
    assert prompt == NEWS_SYSTEM_PROMPT + "\n\nFinancial text:\n" + text + "\n\nAnswer:"


def test_each_answer_set_has_its_system_prompt():
    for answers in (NEWS_ANSWERS, POST_ANSWERS):
        assert answers_in(system_prompt_for(answers)) == answers
    assert system_prompt_for(("bullish", "bearish")) == POST_SYSTEM_PROMPT


def test_a_completion_is_one_space_and_the_label():
    assert completion("neutral") == " neutral"


def test_prompts_equal_the_inputs_of_data_in_the_sujet_columns():
    table = pd.read_csv(shared_data("sujet_like") / "train.csv", dtype=str, keep_default_na=False)
    kept = table[table["task_type"] == "sentiment_analysis"]
    assert len(kept) > 5_000
    for row in kept.itertuples():
        answers = answers_in(row.system_prompt)
        assert row.system_prompt == system_prompt_for(answers)
        assert build_prompt(system_prompt_for(answers), row.user_prompt).encode() == row.inputs.encode()
