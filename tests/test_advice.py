"""Advice when the memory is not enough: settings of the same step that the memory account says hold less."""

import pytest

from finsent.advice import memory_advice, smaller_settings, step_bytes
from finsent.recipes import change_recipe, get_recipe


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
    assert f"holds about {step_bytes(recipe) / 1e9:.2f} GB" in words
    assert "batch_size=4 with gradient_accumulation=2" in words
    assert "gradient_checkpointing=true" in words


def test_settings_that_cannot_be_smaller_get_no_advice():
    recipe = change_recipe(
        get_recipe("quick"), {"model": "qwen3-0.6b", "batch_size": 1, "gradient_checkpointing": True}
    )
    assert smaller_settings(recipe) == []
