"""Packing must not change what is computed: loss and gradients equal those of the rows one by one."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from finsent.models.attention import use_tree_attention
from finsent.models.packing import PackingCollator, summed_loss
from finsent.models.tree import MULTIPLE, TokenTree, common_prefix_length, dense_layout, tree_layout

PREFIXES = ([5, 6, 7, 8, 9, 10, 11], [5, 6, 20, 21], [30])
tokens = st.lists(st.integers(1, 599), min_size=1, max_size=24)
rows = st.builds(
    lambda prefix, text, answer: {
        "input_ids": prefix + text + answer,
        "prefix_length": len(prefix),
        "prompt_length": len(prefix) + len(text),
    },
    st.sampled_from(PREFIXES),
    tokens,
    st.lists(st.integers(1, 599), min_size=1, max_size=3),
)


def lora_model(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    use_tree_attention(model)
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            # B starts at zero, which would hide every error in the gradient of A.
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.fixture(scope="module")
def models(tiny_llama, tiny_qwen3):
    return {"llama": lora_model(tiny_llama), "qwen3": lora_model(tiny_qwen3)}


def gradients(model):
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad()
    return found


def packed_loss(model, packed):
    logits = model(
        input_ids=packed["input_ids"],
        position_ids=packed["position_ids"],
        attention_mask=packed["attention_mask"],
        tree=packed["tree"],
        logits_to_keep=packed["logit_positions"],
    ).logits[0]
    return summed_loss(logits.log_softmax(-1), packed)


def row_loss(model, row, whole_sequence):
    ids = torch.tensor([row["input_ids"]])
    log_probabilities = model(input_ids=ids).logits[0].log_softmax(-1)
    first = 1 if whole_sequence else row["prompt_length"]
    return -sum(log_probabilities[place - 1, ids[0, place]] for place in range(first, ids.shape[1]))


def assert_same(model, batch, whole_sequence, device="cpu"):
    collator = PackingCollator(dtype=torch.float32, device=device, whole_sequence=whole_sequence)
    packed = packed_loss(model, collator(batch))
    packed.backward()
    got = gradients(model)
    alone = sum(row_loss(model, row, whole_sequence) for row in batch)
    alone.backward()
    expected = gradients(model)
    torch.testing.assert_close(packed, alone, rtol=1e-5, atol=1e-5)
    scale = max(float(gradient.abs().max()) for gradient in expected.values())
    assert scale > 0
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
@pytest.mark.parametrize("whole_sequence", [False, True])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(rows, min_size=1, max_size=8))
def test_packed_loss_and_gradients_equal_unpacked(models, kind, whole_sequence, device, batch):
    # A GPU's layout of attention is computed on the CPU here.
    assert_same(models[kind], batch, whole_sequence, device)


@pytest.mark.parametrize("whole_sequence", [False, True])
def test_identical_rows_count_each(models, whole_sequence):
    row = {"input_ids": [5, 6, 7, 40, 41, 42], "prefix_length": 3, "prompt_length": 5}
    assert_same(models["llama"], [row] * 5, whole_sequence)


@pytest.mark.parametrize("whole_sequence", [False, True])
def test_long_row_beside_a_short_one(models, whole_sequence):
    long = {"input_ids": [5, 6, *range(7, 507), 8], "prefix_length": 2, "prompt_length": 502}
    short = {"input_ids": [5, 6, 9, 10], "prefix_length": 2, "prompt_length": 3}
    assert_same(models["qwen3"], [long, short], whole_sequence)


def test_prefix_is_stored_once():
    row = {"input_ids": [1, 2, 3, 4, 5], "prefix_length": 3, "prompt_length": 4}
    packed = PackingCollator(dtype=torch.float32)([row, row, row])
    assert packed["packed_tokens"].item() == 9
    assert packed["input_ids"][0, :9].tolist() == [1, 2, 3, 4, 5, 4, 5, 4, 5]
    assert packed["position_ids"][0, :9].tolist() == [0, 1, 2, 3, 4, 3, 4, 3, 4]
    assert packed["row_tokens"].tolist() == [5, 5, 5]


@given(st.lists(rows, min_size=1, max_size=8))
def test_a_packed_row_is_filled_up_with_tokens_that_nothing_sees(batch):
    packed = PackingCollator(dtype=torch.float32)(batch)
    count = packed["packed_tokens"].item()
    length = packed["input_ids"].shape[1]
    assert length % MULTIPLE == 0
    assert 0 <= length - count < MULTIPLE
    assert packed["logit_positions"].max() < count
    *groups, last = packed["tree"]["groups"]
    if length > count:
        assert last["prefix"].tolist() == list(range(count, length))
        assert "rows" not in last
    assert all(group["prefix"].max() < count for group in groups)


def test_a_token_sees_its_ancestors_and_nothing_else():
    tree = TokenTree()
    root = tree.add([1, 2])
    left = tree.add([3], root)
    tree.add([4], root)
    tree.add([5], left)
    layout = tree_layout(tree, torch.float32)
    (group,) = layout["groups"]
    assert group["prefix"].tolist() == [0, 1]
    assert group["rows"].tolist() == [[2, 4], [3, 0]]
    visible = (group["mask"][:, 0] == 0).int().tolist()
    assert visible[0] == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert visible[1][0] == [1, 1, 1, 0]
    assert layout["order"].tolist() == [0, 1, 2, 4, 3]
    assert tree.positions == [0, 1, 2, 2, 3]
    seen = (dense_layout(tree, torch.float32, cached=2)["mask"][0, 0] == 0).int().tolist()
    assert seen == [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 1, 0, 1]]


def test_an_empty_segment_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        TokenTree().add([])


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=6))
def test_common_prefix_leaves_each_sequence_a_token(sequences):
    length = common_prefix_length(sequences)
    assert all(sequence[:length] == sequences[0][:length] for sequence in sequences)
    assert length < min(map(len, sequences))
    longer = [sequence[: length + 1] for sequence in sequences]
    assert length == min(map(len, sequences)) - 1 or any(part != longer[0] for part in longer)
