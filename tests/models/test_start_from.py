"""A model that is to be trained further starts from an adapter's matrices, or says why not."""

import pytest
from peft import get_peft_model, get_peft_model_state_dict

from finsent.errors import AdapterError
from finsent.models.adapter import start_from
from finsent.models.base import load_base
from finsent.recipe import change_recipe
from finsent.training.trainer import learned_nothing, lora_config, lora_matrices


@pytest.fixture(scope="module")
def saved(tiny_recipe, tmp_path_factory):
    """The folder of an adapter whose B matrices are not zero, and its values."""
    import torch

    base, _ = load_base(tiny_recipe.model)
    model = get_peft_model(base, lora_config(tiny_recipe, base))
    for name, matrix in model.named_parameters():
        if "lora_" in name:
            matrix.data = torch.full_like(matrix, 0.25).float()
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(str(folder))
    (folder / "finsent.json").write_text('{"base_model": "tiny", "base_model_hash": "abc"}')
    return folder, get_peft_model_state_dict(model)


def fresh(recipe):
    base, _ = load_base(recipe.model)
    return get_peft_model(base, lora_config(recipe, base))


def test_the_matrices_are_the_adapters(tiny_recipe, saved):
    folder, values = saved
    model = fresh(tiny_recipe)
    assert learned_nothing(model)
    start_from(model, folder, "abc")
    own = get_peft_model_state_dict(model)
    assert own.keys() == values.keys()
    assert all(own[name].equal(values[name]) for name in values)
    began_with = lora_matrices(model)
    assert learned_nothing(model, began_with)
    assert not learned_nothing(model)
    next(matrix for name, matrix in model.named_parameters() if "lora_A" in name).data[0, 0] += 1
    assert not learned_nothing(model, began_with)


def test_what_does_not_fit_is_refused_and_changes_nothing(tiny_recipe, saved):
    folder, _ = saved
    model = fresh(tiny_recipe)
    with pytest.raises(AdapterError, match="another base model"):
        start_from(model, folder, "abd")
    narrow = fresh(change_recipe(tiny_recipe, {"lora_rank": 4}))
    with pytest.raises(AdapterError, match="other matrices"):
        start_from(narrow, folder, "abc")
    assert learned_nothing(model) and learned_nothing(narrow)
