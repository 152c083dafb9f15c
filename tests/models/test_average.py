"""Averaged adapters: exactly the mean of the products, as PEFT itself computes them, or refused in a sentence."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from finsent.errors import AdapterError
from finsent.models.average import average_adapters, plan_average

PREFIX = "base_model.model.model.layers.0.self_attn"
CONFIG = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "target_modules": ["q_proj", "v_proj"],
    "bias": "none",
    "lora_dropout": 0.05,
}


def made(folder, seed, rank=4, alpha=8, dtype=torch.float32, **settings):
    """Write an adapter of random matrices, 6 inputs and 5 outputs, and return its folder."""
    folder.mkdir()
    random = torch.Generator().manual_seed(seed)
    weights = {}
    for name in CONFIG["target_modules"]:
        weights[f"{PREFIX}.{name}.lora_A.weight"] = torch.randn(rank, 6, generator=random).to(dtype)
        weights[f"{PREFIX}.{name}.lora_B.weight"] = torch.randn(5, rank, generator=random).to(dtype)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = CONFIG | {"r": rank, "lora_alpha": alpha} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def update(folder, name):
    """Return what an adapter adds to a matrix, in double precision and as PEFT scales it."""
    config = json.loads((folder / "adapter_config.json").read_text())
    rank = config["r"] ** 0.5 if config.get("use_rslora") else config["r"]
    weights = load_file(folder / "adapter_model.safetensors")
    first, second = (weights[f"{PREFIX}.{name}.lora_{letter}.weight"].double() for letter in "BA")
    return first @ second * (config["lora_alpha"] / rank)


def averaged(folders, out):
    out.mkdir()
    average_adapters(folders, out)
    return out


@pytest.mark.parametrize(
    "kinds",
    [
        [{}, {}],
        [{}, {}, {}],
        [{"rank": 4, "alpha": 8}, {"rank": 2, "alpha": 16}],
        [{"use_rslora": True}, {"use_rslora": True}],
        [{"use_rslora": True}, {}],
        [{"dtype": torch.bfloat16}, {"dtype": torch.float16}],
    ],
    ids=["two", "three", "other ranks", "rsLoRA", "rsLoRA and plain", "stored in 16 bits"],
)
def test_its_update_is_the_mean_of_the_products(tmp_path, kinds):
    folders = [made(tmp_path / str(place), place, **kind) for place, kind in enumerate(kinds)]
    out = averaged(folders, tmp_path / "out")
    for name in CONFIG["target_modules"]:
        mean = torch.stack([update(folder, name) for folder in folders]).mean(0)
        torch.testing.assert_close(update(out, name), mean, rtol=1e-6, atol=1e-6)
    weights = load_file(out / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["r"] == sum(json.loads((one / "adapter_config.json").read_text())["r"] for one in folders)


def test_of_adapters_alike_no_value_is_rounded(tmp_path):
    folders = [made(tmp_path / str(place), place) for place in range(3)]
    weights = load_file(averaged(folders, tmp_path / "out") / "adapter_model.safetensors")
    for name in CONFIG["target_modules"]:
        parts = [load_file(folder / "adapter_model.safetensors") for folder in folders]
        for letter, side in (("A", 0), ("B", 1)):
            key = f"{PREFIX}.{name}.lora_{letter}.weight"
            assert torch.equal(weights[key], torch.cat([part[key] for part in parts], side))
    assert plan_average(folders).config["lora_alpha"] == 8


def test_the_mean_of_the_matrices_would_be_something_else(tmp_path):
    folders = [made(tmp_path / str(place), place) for place in range(2)]
    parts = [load_file(folder / "adapter_model.safetensors") for folder in folders]
    first, second = (
        torch.stack([part[f"{PREFIX}.q_proj.lora_{letter}.weight"].double() for part in parts]).mean(0)
        for letter in "BA"
    )
    mean = torch.stack([update(folder, "q_proj") for folder in folders]).mean(0)
    assert not torch.allclose(first @ second * 2, mean, rtol=0.1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "its bias is all"),
        ({"lora_bias": True}, "lora_bias"),
        ({"modules_to_save": ["lm_head"]}, "trained as a whole"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": 2}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa"}, "taken out of the base model"),
        ({"peft_type": "LOHA"}, "peft_type"),
        ({"target_modules": ["q_proj"]}, "different matrices"),
        ({"r": 0}, "damaged"),
        ({"lora_alpha": "much"}, "damaged"),
    ],
)
def test_what_would_not_be_exact_is_refused_in_a_sentence(tmp_path, settings, words):
    folders = [made(tmp_path / "plain", 0), made(tmp_path / "other", 1, **settings)]
    with pytest.raises(AdapterError, match=words):
        plan_average(folders)


def test_one_adapter_a_missing_one_and_a_damaged_one_are_refused(tmp_path):
    plain, other = made(tmp_path / "plain", 0), made(tmp_path / "other", 1)
    with pytest.raises(AdapterError, match="two adapters"):
        plan_average([plain])
    with pytest.raises(AdapterError, match="cannot be read"):
        plan_average([plain, tmp_path / "nothing"])
    (other / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(AdapterError, match="cannot be read"):
        averaged([plain, other], tmp_path / "out")


def test_matrices_beside_lora_are_refused(tmp_path):
    plain, other = made(tmp_path / "plain", 0), made(tmp_path / "other", 1)
    file = other / "adapter_model.safetensors"
    save_file(load_file(file) | {f"{PREFIX}.q_proj.lora_magnitude_vector": torch.ones(5)}, file)
    with pytest.raises(AdapterError, match="lora_magnitude_vector"):
        averaged([plain, other], tmp_path / "out")
