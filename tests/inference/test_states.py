"""Mean states from packed batches must equal those of one text at a time."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from finsent.inference.states import MOST_TOKENS, mean_states
from finsent.models.attention import use_tree_attention

TEXTS = ["Profit rose by a tenth.", "", "Sales fell", "The company " * 300, "Profit rose by a tenth."]


@pytest.fixture
def model(tiny_model):
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32, attn_implementation="sdpa")
    use_tree_attention(loaded)
    return loaded.eval()


def one_at_a_time(model, tokenizer):
    states = []
    for text in TEXTS:
        ids = tokenizer(text).input_ids[:MOST_TOKENS] or [tokenizer.eos_token_id]
        with torch.inference_mode():
            hidden = model.get_decoder()(input_ids=torch.tensor([[tokenizer.eos_token_id, *ids]])).last_hidden_state
        states.append(hidden[0, 1:].mean(0).numpy())
    return np.stack(states)


@pytest.mark.parametrize("tokens_per_pass", [8, 1_024])
def test_packed_texts_have_the_states_that_they_have_alone(model, tiny_tokenizer, tokens_per_pass):
    states = mean_states(model, tiny_tokenizer, TEXTS, tokens_per_pass=tokens_per_pass)
    np.testing.assert_allclose(states, one_at_a_time(model, tiny_tokenizer), rtol=1e-3, atol=1e-4)
    assert states.dtype == np.float32


def test_the_report_counts_tokens_and_may_stop_the_work(model, tiny_tokenizer):
    told = []
    model.train()
    mean_states(model, tiny_tokenizer, TEXTS, lambda *now: told.append(now), tokens_per_pass=8)
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] == told[0][1] and len(told) > 3
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mean_states(model, tiny_tokenizer, TEXTS, stop)
    assert model.training
