"""Each architecture goes the whole way: NF4, exact packing, QLoRA, scoring, and its adapter in plain PEFT."""

import copy
import re

import pandas as pd
import pytest
import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM

from finsent.data.prepared import prepare
from finsent.files import PROJECT
from finsent.inference.encoding import encode_rows
from finsent.inference.scoring import score_labels
from finsent.models.attention import use_tree_attention
from finsent.models.base import load_base
from finsent.models.matrices import own_names, recipe_names
from finsent.models.packing import PackingCollator
from finsent.models.summary import summarise
from finsent.recipe import change_recipe
from finsent.training.trainer import make_trainer
from tests.inference.test_scoring import one_at_a_time
from tests.models.test_packing import packed_loss, row_loss

SIZES = {
    "vocab_size": 640,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.1,
}
#: What each architecture needs beyond the sizes, and how its configuration asks for a sliding window.
WINDOWED = {"use_sliding_window": True, "max_window_layers": 0}
ARCHITECTURES = {
    "llama": ({}, None),
    "qwen2": ({}, WINDOWED),
    "qwen3": ({"head_dim": 16}, WINDOWED),
    "gemma3_text": ({"head_dim": 16, "query_pre_attn_scalar": 16, "layer_types": None}, {}),
    "mistral": ({}, {}),
    "phi3": ({}, {}),
    "gpt_neox": ({}, None),
}
#: Shorter than any prompt.
NARROW = 24


def made(kind, tokenizer, window=None):
    own, windowed = ARCHITECTURES[kind]
    if window is not None:
        own = own | windowed | {"sliding_window": window}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SIZES | own | ends), dtype=torch.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_tokenizer):
    """Return a function that gives the folder of a tiny model of an architecture."""
    made_already = {}

    def folder(kind):
        if kind not in made_already:
            made_already[kind] = tmp_path_factory.mktemp(kind)
            made(kind, tiny_tokenizer).save_pretrained(made_already[kind])
            tiny_tokenizer.save_pretrained(made_already[kind])
        return made_already[kind]

    return folder


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_whole_way(folders, tiny_recipe, tmp_path, kind):
    changes = {"model": str(folders(kind)), "rows": 16, "validation_rows": 8, "evaluations_per_epoch": 1}
    recipe = change_recipe(tiny_recipe, changes | {"checkpoint": "last", "compute_dtype": "float32"})
    rows = prepare(recipe)
    model, tokenizer = load_base(recipe.model, "float32")
    assert model.config.model_type == kind
    batch = encode_rows(tokenizer, rows.train.head(4), 512)
    packed = packed_loss(model, PackingCollator(dtype=torch.float32)(batch))
    torch.testing.assert_close(packed, sum(row_loss(model, row, False) for row in batch), rtol=1e-5, atol=1e-4)
    trainer = make_trainer(model, tokenizer, recipe, rows.train, rows.validation, tmp_path, lambda step, total: False)
    trainer.train()
    assert trainer.state.max_steps == trainer.state.global_step == 2
    assert all(bool(value.any()) for name, value in trainer.tuned.named_parameters() if "lora_B" in name)
    scores = score_labels(trainer.tuned, tokenizer, rows.validation)
    trainer.tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    base, _ = load_base(recipe.model, "float32")
    again = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    expected = one_at_a_time(again, tokenizer, rows.validation)
    pd.testing.assert_frame_equal(scores, pd.DataFrame(expected, scores.index, scores.columns), rtol=1e-4, atol=1e-4)
    assert scores.notna().any().any()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("kind", [kind for kind, (_, windowed) in ARCHITECTURES.items() if windowed is not None])
def test_rows_beyond_a_sliding_window_are_exact_too(tiny_tokenizer, kind, device):
    model = made(kind, tiny_tokenizer, NARROW).eval()
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    use_tree_attention(model)
    # A row whose rest alone is longer than the window, and one whose prefix alone is.
    long = [{"input_ids": [5, 6, 7, *range(30, 110), 8], "prefix_length": 3, "prompt_length": 80}]
    deep = [{"input_ids": [*range(100, 160), n, 8], "prefix_length": 60, "prompt_length": 61} for n in (3, 4)]
    for batch in (long, deep, long + deep):
        collator = PackingCollator(dtype=torch.float32, device=device)
        with torch.no_grad():
            packed = packed_loss(model, collator(batch))
            expected = sum(row_loss(plain, row, False) for row in batch)
        torch.testing.assert_close(packed, expected, rtol=1e-5, atol=1e-5)
        # The window matters here: a model that looks back further says something else.
        wide = made(kind, tiny_tokenizer, 1024).eval()
        with torch.no_grad():
            assert abs(sum(row_loss(wide, row, False) for row in batch) - expected) > 1e-3


@pytest.mark.parametrize("kind", ["mistral", "gemma3_text"])
def test_scores_beyond_a_sliding_window_equal_single_rows(tiny_tokenizer, tiny_recipe, kind):
    model = made(kind, tiny_tokenizer, NARROW).eval()
    use_tree_attention(model)
    rows = prepare(tiny_recipe).validation
    expected = one_at_a_time(model, tiny_tokenizer, rows)
    for share in (False, True):
        scores = score_labels(model, tiny_tokenizer, rows, share=share)
        torch.testing.assert_close(torch.tensor(scores.to_numpy()), torch.tensor(expected), equal_nan=True, **CLOSE)


CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("llama", ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
        ("phi3", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
        ("gpt_neox", ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
    ],
)
def test_a_recipes_matrices_are_found_under_the_names_that_a_model_has(folders, tiny_tokenizer, kind, names):
    every = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    assert own_names(made(kind, tiny_tokenizer), every) == names
    assert recipe_names(names) == every
    summary = summarise(str(folders(kind)), target_modules=every)
    assert summary.target_modules == tuple(names)
    assert {matrix.name for matrix in summary.matrices} == set(names)


def test_the_table_of_architectures_is_that_of_these_tests():
    lines = (PROJECT / "docs" / "architectures.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    listed = {cells[1]: "window" in cells[3] for cells in table if re.fullmatch(r"[a-z0-9_]+", cells[1])}
    assert listed == {kind: windowed is not None for kind, (_, windowed) in ARCHITECTURES.items()}
