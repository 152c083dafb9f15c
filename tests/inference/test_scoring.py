"""Scores in packed batches must equal scores of one row at a time."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from finsent.inference import scoring
from finsent.inference.scoring import score_labels
from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, POST_ANSWERS, join_answers, split_answers
from finsent.models.attention import use_tree_attention
from finsent.models.tree import dense_layout
from finsent.prompts import build_prompt, completion, system_prompt_for
from tests.conftest import LAB


def table(texts, answer_sets):
    rows = []
    for text, answers in zip(texts, answer_sets, strict=True):
        system = system_prompt_for(answers)
        rows.append({"system_prompt": system, "prompt": build_prompt(system, text), "answers": join_answers(answers)})
    return pd.DataFrame(rows)


def one_at_a_time(model, tokenizer, rows):
    scores = np.full((len(rows), 5), np.nan)
    for number, row in enumerate(rows.itertuples()):
        for label in split_answers(row.answers):
            ids = torch.tensor([tokenizer(row.prompt + completion(label)).input_ids])
            start = len(tokenizer(row.prompt).input_ids)
            with torch.inference_mode():
                logp = model(input_ids=ids).logits[0].log_softmax(-1)
            total = sum(logp[place - 1, ids[0, place]].item() for place in range(start, ids.shape[1]))
            scores[number, FIVE_LABELS.index(label)] = total
    return scores


@pytest.fixture(scope="module")
def lab_texts():
    lines = LAB.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:40]]


@pytest.fixture(scope="module")
def loaded(tiny_llama, tiny_qwen3):
    models = [
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
        for folder in (tiny_llama, tiny_qwen3)
    ]
    for model in models:
        use_tree_attention(model)
    return models


def test_labels_of_several_tokens_are_what_is_tested(tiny_tokenizer):
    lengths = [len(tiny_tokenizer(completion(label)).input_ids) for label in FIVE_LABELS]
    assert max(lengths) > 1


def test_a_gpus_layout_of_attention_gives_the_same_scores(loaded, tiny_tokenizer, lab_texts, monkeypatch):
    rows = table(lab_texts[:6], [NEWS_ANSWERS, POST_ANSWERS] * 3)
    usual = [score_labels(model, tiny_tokenizer, rows) for model in loaded]
    layouts = []

    def of_a_gpu(tree, dtype, device, cached):
        layouts.append(dense_layout(tree, dtype, cached))
        return layouts[-1]

    monkeypatch.setattr(scoring, "attention_layout", of_a_gpu)
    for model, expected in zip(loaded, usual, strict=True):
        np.testing.assert_allclose(score_labels(model, tiny_tokenizer, rows), expected, rtol=1e-4, atol=1e-4)
    assert layouts


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), budget=st.sampled_from([1, 100, 5000]))
def test_packed_scores_equal_single_rows(loaded, tiny_tokenizer, lab_texts, data, budget):
    count = data.draw(st.integers(1, 6))
    texts = data.draw(
        st.lists(st.sampled_from([*lab_texts, "x", "x", lab_texts[0][:40]]), min_size=count, max_size=count)
    )
    sets = data.draw(st.lists(st.sampled_from([NEWS_ANSWERS, POST_ANSWERS]), min_size=count, max_size=count))
    rows = table(texts, sets)
    for model in loaded:
        expected = one_at_a_time(model, tiny_tokenizer, rows)
        for share in (False, True):
            got = score_labels(model, tiny_tokenizer, rows, tokens_per_pass=budget, share=share)
            np.testing.assert_allclose(got.to_numpy(), expected, atol=1e-4)


def test_scores_keep_the_index_and_report_every_row(loaded, tiny_tokenizer, lab_texts):
    rows = table(lab_texts[:9], [NEWS_ANSWERS] * 9)
    rows.index = range(100, 109)
    seen = []
    scores = score_labels(loaded[0], tiny_tokenizer, rows, lambda done, total: seen.append((done, total)), 60)
    assert scores.index.tolist() == list(range(100, 109))
    assert seen[-1] == (9, 9)
    assert len(seen) > 1


def test_model_and_tokenizer_are_left_as_they_were(loaded, tiny_tokenizer, lab_texts):
    model = loaded[0].train()
    tiny_tokenizer.padding_side = "right"
    score_labels(model, tiny_tokenizer, table(lab_texts[:2], [NEWS_ANSWERS] * 2))
    assert model.training
    assert tiny_tokenizer.padding_side == "right"
    model.eval()


def test_report_can_stop_the_work(loaded, tiny_tokenizer, lab_texts):
    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        score_labels(loaded[0], tiny_tokenizer, table(lab_texts[:2], [NEWS_ANSWERS] * 2), stop)
