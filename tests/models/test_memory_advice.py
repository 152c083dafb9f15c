"""Advice when the memory is not enough: settings of the same step that the memory account says hold less."""

import pytest
import torch

from finsent.models import base
from finsent.models.memory import TYPICAL_ROW, TYPICAL_SHARED, memory_account
from finsent.models.memory_advice import memory_advice, smaller_settings, step_bytes
from finsent.models.skeleton import read_configuration
from finsent.recipe import change_recipe, get_recipe
from finsent.sizes import size_words


@pytest.mark.parametrize(("batch", "accumulation"), [(8, 1), (32, 2), (6, 1), (3, 1), (64, 8), (64, 256)])
def test_the_settings_hold_less_and_a_step_stays_as_many_rows(batch: int, accumulation: int):
    recipe = change_recipe(
        get_recipe("quick"), {"model": "qwen3-0.6b", "batch_size": batch, "gradient_accumulation": accumulation}
    )
    smaller = smaller_settings(recipe)
    assert smaller
    sizes = [step_bytes(recipe)] + [size for _, size in smaller]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    for other, size in smaller:
        assert other.batch_size * other.gradient_accumulation == batch * accumulation
        assert size == step_bytes(other)


def test_the_words_name_the_settings_and_their_sizes():
    recipe = change_recipe(get_recipe("quick"), {"model": "qwen3-0.6b"})
    words = memory_advice(recipe)
    assert f"holds about {size_words(step_bytes(recipe))}" in words
    assert "batch_size=4 with gradient_accumulation=2" in words
    assert "gradient_checkpointing=true" in words


def test_settings_that_cannot_be_smaller_get_no_advice():
    recipe = change_recipe(
        get_recipe("quick"), {"model": "qwen3-0.6b", "batch_size": 1, "gradient_checkpointing": True}
    )
    assert smaller_settings(recipe) == []


def qwen3(**changes):
    return change_recipe(get_recipe("quick"), {"model": "qwen3-0.6b", **changes})


def account(recipe, device):
    return memory_account(read_configuration("qwen3-0.6b"), recipe, TYPICAL_ROW, TYPICAL_SHARED, device=device)


def test_a_run_on_a_gpu_is_counted_as_it_is_there(monkeypatch):
    """bfloat16, and attention and dropout's masks as a GPU keeps them; and on a CPU as they are there."""
    monkeypatch.setattr(base, "fastest_cpu_type", lambda: "float32")
    recipe = qwen3()
    on_gpu, on_cpu = account(recipe, "cuda"), account(recipe, "cpu")
    assert (on_gpu.dtype, on_cpu.dtype) == ("bfloat16", "float32")
    assert on_gpu.total < on_cpu.total
    for found, device, expected in ((True, "on the GPU", on_gpu), (False, "", on_cpu)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        words = memory_advice(recipe)
        assert f"holds about {size_words(expected.total)} {device}".strip() in words
        assert ("GPU" in words) == found
        other, size = smaller_settings(recipe)[0]
        assert size == account(other, "cuda" if found else "cpu").total


def test_each_process_has_a_gpu_to_itself_and_keeps_it():
    recipe = qwen3(processes=2, batch_size=8, gradient_accumulation=1)
    assert step_bytes(recipe, "cuda") == account(recipe, "cuda").total
    assert step_bytes(recipe, "cpu") == 2 * account(recipe, "cpu").total
    on_gpus = smaller_settings(recipe, "cuda")
    assert [(other.processes, other.batch_size) for other, _ in on_gpus] == [(2, 4), (2, 2)]
    assert all(size < step_bytes(recipe, "cuda") for _, size in on_gpus)
    assert smaller_settings(recipe, "cpu")[-1][0].processes == 1
    assert "on each GPU" in memory_advice(recipe, "cuda")
