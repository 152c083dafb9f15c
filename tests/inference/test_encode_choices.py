"""The loss within the answer set must be the one that single rows give, for answer sets of any size and labels of any
length."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finsent.data.dataset import load_data
from finsent.errors import DataError
from finsent.inference.encoding import encode_choices
from finsent.labels import split_answers
from finsent.models.packing import ChoiceCollator, summed_loss
from finsent.prompts import completion
from tests.models.test_packing import PREFIXES, gradients, lora_model, packed_loss

token_lists = st.lists(st.integers(1, 599), min_size=1, max_size=20)


@st.composite
def rows(draw):
    prefix = draw(st.sampled_from([*PREFIXES, []]))
    branch = st.lists(st.integers(1, 599), min_size=1, max_size=3)
    branches = draw(st.lists(branch, min_size=2, max_size=4, unique_by=tuple))
    stem = prefix + draw(token_lists)
    gold = draw(st.integers(0, len(branches) - 1))
    return {"input_ids": stem, "branches": branches, "gold": gold, "prefix_length": len(prefix)}


@pytest.fixture(scope="module")
def models(tiny_llama, tiny_qwen3):
    # In double precision, since the gradients of two labels may all but cancel.
    return {"llama": lora_model(tiny_llama).double(), "qwen3": lora_model(tiny_qwen3).double()}


def row_loss(model, row):
    scores = []
    for branch in row["branches"]:
        ids = torch.tensor([row["input_ids"] + branch])
        log_probabilities = model(input_ids=ids).logits[0].log_softmax(-1)
        start = len(row["input_ids"])
        scores.append(sum(log_probabilities[place - 1, ids[0, place]] for place in range(start, ids.shape[1])))
    return -torch.stack(scores).log_softmax(0)[row["gold"]]


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(rows(), min_size=1, max_size=6))
def test_packed_choices_equal_single_rows(models, kind, batch):
    model = models[kind]
    packed = packed_loss(model, ChoiceCollator(dtype=torch.float64)(batch))
    packed.backward()
    got = gradients(model)
    alone = sum(row_loss(model, row) for row in batch)
    alone.backward()
    expected = gradients(model)
    torch.testing.assert_close(packed, alone, rtol=1e-6, atol=1e-6)
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-5, atol=1e-6)


def test_labels_of_one_token_add_none():
    row = {"input_ids": [1, 2, 3], "branches": [[7], [8], [9]], "gold": 1, "prefix_length": 1}
    packed = ChoiceCollator(dtype=torch.float32)([row, row])
    assert packed["packed_tokens"].item() == 5
    assert packed["input_ids"][0, :5].tolist() == [1, 2, 3, 2, 3]
    assert packed["labels"].tolist() == [1, 1]
    assert packed["choices"].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(packed["logit_positions"]) == 2


def test_a_batch_of_blank_rows_has_a_loss_of_zero():
    row = {"input_ids": [1, 2, 3], "branches": [[7], [8]], "gold": 1, "prefix_length": 1, "blank": True}
    packed = ChoiceCollator(dtype=torch.float32)([row, row])
    assert packed["labels"].numel() == 0
    logits = torch.zeros(len(packed["logit_positions"]), 640)
    assert summed_loss(logits.log_softmax(-1), packed).item() == 0


def test_choices_are_the_answers_that_the_prompt_allows(tiny_tokenizer):
    table = load_data("embedded").rows.groupby("answers").head(8).reset_index(drop=True)
    for row, record in zip(table.itertuples(), encode_choices(tiny_tokenizer, table, 1_000), strict=True):
        labels = split_answers(row.answers)
        assert tiny_tokenizer.decode(record["input_ids"]) == row.prompt
        assert [tiny_tokenizer.decode(branch) for branch in record["branches"]] == [completion(one) for one in labels]
        assert labels[record["gold"]] == row.label


def test_a_row_that_is_too_long_is_refused(tiny_tokenizer):
    with pytest.raises(DataError, match="longer than max_length"):
        encode_choices(tiny_tokenizer, load_data("embedded").rows.head(8), 32)
