"""Generated answers equal those of one row at a time, whatever the padding."""

import json

import pandas as pd
import torch

from finsent.data.dataset import load_data
from finsent.inference.generation import NEW_TOKENS, generate_answers
from finsent.labels import parse_answer
from finsent.models.base import load_base
from tests.conftest import LAB


def test_batched_answers_equal_single_ones(tiny_model):
    # In bfloat16 padding changes how sums are rounded, and with that an answer here and there.
    model, tokenizer = load_base(str(tiny_model), "float32")
    rows = load_data("embedded").rows.head(11)
    seen = []
    got = generate_answers(model, tokenizer, rows, lambda done, total: seen.append((done, total)))
    assert seen == [(8, 11), (11, 11)]
    assert tokenizer.padding_side == "right"
    for row, answer in zip(rows.itertuples(), got["generated"], strict=True):
        ids = tokenizer(row.prompt, return_tensors="pt").input_ids
        with torch.inference_mode():
            alone = model.generate(ids, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
        assert answer == tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True)


def test_an_untrained_model_writes_no_label_and_that_is_invalid(tiny_llama):
    model, tokenizer = load_base(str(tiny_llama))
    rows = load_data("embedded").rows.head(3)
    got = generate_answers(model, tokenizer, rows)
    expected = [
        parse_answer(text, tuple(cell.split("|"))) for text, cell in zip(got["generated"], rows["answers"], strict=True)
    ]
    assert got["generated_label"].tolist() == expected
    assert "invalid" in expected


def test_the_index_is_kept(tiny_llama):
    model, tokenizer = load_base(str(tiny_llama))
    texts = [json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:2]]
    rows = pd.DataFrame({"prompt": texts, "answers": "positive|neutral|negative"}, index=[7, 3])
    assert generate_answers(model, tokenizer, rows).index.tolist() == [7, 3]
