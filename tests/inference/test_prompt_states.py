"""States of packed prompts must equal those of one prompt at a time."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from finsent.inference.prompt_states import MOST_TOKENS, prompt_states
from finsent.models.attention import use_tree_attention
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT, TEXT_BEGIN, build_prompt

TEXTS = ["Profit rose by a tenth.", "Sales fell", "The company " * 300, "Profit rose by a tenth."]
PROMPTS = [build_prompt((NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT)[n % 2], text) for n, text in enumerate(TEXTS * 2)]


@pytest.fixture
def model(tiny_model):
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32, attn_implementation="sdpa")
    use_tree_attention(loaded)
    return loaded.eval()


def one_at_a_time(model, tokenizer, prompts):
    """Return the states of prompts of one system prompt, each read by itself: two layers, so of the first one both."""
    tokens = [tokenizer(prompt).input_ids for prompt in prompts]
    cut = next(place for place in range(len(tokens[0])) if len({tuple(ids[: place + 1]) for ids in tokens}) > 1)
    states = []
    for ids in tokens:
        rest = ids[cut:][-MOST_TOKENS:]
        with torch.inference_mode():
            read = torch.tensor([ids[:cut] + rest])
            layers = model.get_decoder()(input_ids=read, output_hidden_states=True).hidden_states
        states.append(torch.cat([layers[1][0, cut:].mean(0), layers[1][0, -1]]).numpy())
    return np.stack(states)


@pytest.mark.parametrize("tokens_per_pass", [8, 1_024])
def test_packed_prompts_have_the_states_that_they_have_alone(model, tiny_tokenizer, tokens_per_pass):
    states = prompt_states(model, tiny_tokenizer, PROMPTS, tokens_per_pass=tokens_per_pass)
    assert states.dtype == np.float32 and states.shape == (len(PROMPTS), 128)
    for kind in (0, 1):
        alone = one_at_a_time(model, tiny_tokenizer, PROMPTS[kind::2])
        np.testing.assert_allclose(states[kind::2], alone, rtol=1e-3, atol=1e-4)


def test_one_prompt_alone_and_one_of_no_known_form_are_read(model, tiny_tokenizer):
    states = prompt_states(model, tiny_tokenizer, [PROMPTS[0], "What is this?", TEXT_BEGIN])
    assert np.isfinite(states).all() and np.abs(states).sum(axis=1).min() > 0


def test_the_report_counts_tokens_and_may_stop_the_work(model, tiny_tokenizer):
    told = []
    model.train()
    prompt_states(model, tiny_tokenizer, PROMPTS, lambda *now: told.append(now), tokens_per_pass=8)
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] == told[0][1] and len(told) > 3

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prompt_states(model, tiny_tokenizer, PROMPTS, stop)
    assert model.training
