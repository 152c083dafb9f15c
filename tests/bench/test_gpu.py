"""The GPU's part of the bench: without one it says so, and what it measures runs on any device."""

import torch

from finsent.bench import gpu
from finsent.bench.bench import Bench
from finsent.data.dataset import load_data

TINY = {
    "vocab_size": 640,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def test_without_a_gpu_it_says_so(tiny_qwen3, small_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.gpu(Bench(str(tiny_qwen3), str(small_csv), 1, 8, tmp_path, threads=2)) == {"note": gpu.NO_GPU}


def test_the_tutorials_recipe_is_measured_on_a_model_of_the_shape(tiny_qwen3, small_csv, tmp_path):
    folder = gpu.shaped_model(str(tiny_qwen3), TINY, tmp_path / "shape")
    figures = gpu.tutorial_figures(str(folder), load_data(str(small_csv)).rows, tmp_path, steps=3)
    assert figures["tutorial"]["steps"] == 3
    assert figures["tutorial"]["rows_per_step"] == 40
    assert figures["tutorial"]["tokens_per_second"] > figures["tutorial"]["packed_tokens_per_second"] > 0
    assert figures["tutorial"]["memory_account_bytes"] > 10**4
    assert figures["weights"]["nf4"]["model_bytes"] < figures["weights"]["bfloat16"]["model_bytes"]
    assert figures["weights"]["nf4"]["seconds_per_row"]["n"] == 5
