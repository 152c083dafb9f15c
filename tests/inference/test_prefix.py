"""What prompts begin with is computed once, and answers do not depend on what was asked before."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from finsent.inference.prefix import PrefixCache
from finsent.inference.scoring import score_labels
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.models.attention import use_tree_attention
from tests.conftest import LAB
from tests.inference.test_scoring import table

TEXTS = [json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:12]]


@pytest.fixture(scope="module")
def model(tiny_qwen3):
    model = AutoModelForCausalLM.from_pretrained(tiny_qwen3, dtype=torch.float32, attn_implementation="sdpa").eval()
    use_tree_attention(model)
    return model


@pytest.fixture
def tokens_computed(model):
    """The number of tokens of each forward pass."""
    counts = []
    handle = model.register_forward_pre_hook(
        lambda _, args, kwargs: counts.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    yield counts
    handle.remove()


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("texts", [TEXTS[:3], TEXTS[:1], ["x"], [TEXTS[0], TEXTS[0]]])
def test_scores_are_those_without_it(model, tiny_tokenizer, texts, share):
    rows = table(texts * 2, [NEWS_ANSWERS] * len(texts) + [POST_ANSWERS] * len(texts))
    prefixes = PrefixCache()
    expected = score_labels(model, tiny_tokenizer, rows)
    for _ in range(2):
        got = score_labels(model, tiny_tokenizer, rows, share=share, prefixes=prefixes)
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_the_second_call_computes_the_texts_alone(model, tiny_tokenizer, tokens_computed):
    prefixes = PrefixCache()
    score_labels(model, tiny_tokenizer, table(TEXTS[:2], [NEWS_ANSWERS] * 2), prefixes=prefixes)
    first = tokens_computed.copy()
    tokens_computed.clear()
    score_labels(model, tiny_tokenizer, table(TEXTS[2:4], [NEWS_ANSWERS] * 2), prefixes=prefixes)
    assert len(first) == 2
    assert len(tokens_computed) == 1
    system = len(tiny_tokenizer(table(["x"], [NEWS_ANSWERS])["system_prompt"][0]).input_ids)
    assert first[0] >= system


def test_an_answer_is_the_same_whatever_was_asked_before(model, tiny_tokenizer):
    one, others = table(TEXTS[:1], [NEWS_ANSWERS]), table(TEXTS[3:9], [NEWS_ANSWERS, POST_ANSWERS] * 3)
    alone = score_labels(model, tiny_tokenizer, one, prefixes=PrefixCache())
    prefixes = PrefixCache()
    for rows in (others, others.iloc[:1], others.iloc[1:2]):
        score_labels(model, tiny_tokenizer, rows, prefixes=prefixes)
    assert score_labels(model, tiny_tokenizer, one, prefixes=prefixes).equals(alone)


def test_few_beginnings_are_kept_and_the_oldest_leave(model, tiny_tokenizer, tokens_computed):
    prefixes = PrefixCache()

    def passes(number: int) -> int:
        tokens_computed.clear()
        rows = table(TEXTS[:1], [NEWS_ANSWERS]).assign(system_prompt=f"{number} asks")
        rows["prompt"] = [f"{number} asks\n\nFinancial text:\n{TEXTS[0]}\n\nAnswer:"]
        score_labels(model, tiny_tokenizer, rows, prefixes=prefixes)
        return len(tokens_computed)

    assert [passes(number) for number in (1, 2, 3, 4)] == [2] * 4
    assert passes(1) == 1
    assert passes(5) == 2
    assert [passes(1), passes(2)] == [1, 2]


def test_a_prompt_of_ones_own_without_any_beginning(model, tiny_tokenizer):
    rows = table(TEXTS[:3], [NEWS_ANSWERS] * 3).assign(system_prompt="{text} Answer:")
    rows["prompt"] = [f"{text} Answer:" for text in TEXTS[:3]]
    got = score_labels(model, tiny_tokenizer, rows, prefixes=PrefixCache())
    np.testing.assert_allclose(got, score_labels(model, tiny_tokenizer, rows), atol=1e-4)
