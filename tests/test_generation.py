"""Generated answers equal those of one row at a time, whatever the padding."""

import json

import pandas as pd
import torch

from finsent.datasets import load_data
from finsent.generation import NEW_TOKENS, generate_answers
from finsent.labels import parse_answer
from finsent.models import load_base
from finsent.prompts import before_text
from tests.conftest import LAB
from tests.test_packing import prefix_mask


def test_batched_answers_equal_single_ones(tiny_model):
    # In bfloat16 padding changes how sums are rounded, and with that an answer here and there.
    model, tokenizer = load_base(str(tiny_model), "float32")
    rows = load_data("embedded").rows.head(11)
    seen = []
    got = generate_answers(model, tokenizer, rows, lambda done, total: seen.append((done, total)), attention="causal")
    assert seen == [(8, 11), (11, 11)]
    assert tokenizer.padding_side == "right"
    for row, answer in zip(rows.itertuples(), got["generated"], strict=True):
        ids = tokenizer(row.prompt, return_tensors="pt").input_ids
        with torch.inference_mode():
            alone = model.generate(ids, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
        assert answer == tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_text_that_sees_all_of_itself_is_answered_as_step_by_step(tiny_model):
    model, tokenizer = load_base(str(tiny_model), "float32")
    rows = load_data("embedded").rows.head(11)
    got = generate_answers(model, tokenizer, rows, attention="prefix")
    causal = generate_answers(model, tokenizer, rows, attention="causal")
    assert (got["generated"] != causal["generated"]).any()
    for row, answer in zip(rows.itertuples(), got["generated"], strict=True):
        ids = tokenizer(row.prompt).input_ids
        start, end = len(tokenizer(before_text(row.system_prompt)).input_ids), len(ids) - 1
        for _ in range(NEW_TOKENS):
            mask = prefix_mask(len(ids), start, end)
            with torch.inference_mode():
                ids.append(int(model(input_ids=torch.tensor([ids]), attention_mask=mask).logits[0, -1].argmax()))
            if ids[-1] == tokenizer.eos_token_id:
                break
        assert answer == tokenizer.decode(ids[end + 1 :], skip_special_tokens=True)


def test_an_untrained_model_writes_no_label_and_that_is_invalid(tiny_llama):
    model, tokenizer = load_base(str(tiny_llama))
    rows = load_data("embedded").rows.head(3)
    got = generate_answers(model, tokenizer, rows, attention="causal")
    expected = [
        parse_answer(text, tuple(cell.split("|"))) for text, cell in zip(got["generated"], rows["answers"], strict=True)
    ]
    assert got["generated_label"].tolist() == expected
    assert "invalid" in expected


def test_the_index_is_kept(tiny_llama):
    model, tokenizer = load_base(str(tiny_llama))
    texts = [json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:2]]
    rows = pd.DataFrame({"prompt": texts, "answers": "positive|neutral|negative"}, index=[7, 3])
    assert generate_answers(model, tokenizer, rows, attention="causal").index.tolist() == [7, 3]
