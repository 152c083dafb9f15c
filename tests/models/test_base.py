"""Loading base models: NF4, living gradients, and one clear sentence for what cannot be loaded."""

import shutil

import pytest
import torch

from finsent.errors import HubUnreachableError, ModelNotFoundError
from finsent.models import base
from finsent.models.base import EMBEDDED, QWEN3, load_base, model_hash, resolve_dtype, resolve_model


def test_linear_layers_are_nf4_and_frozen(tiny_model):
    from bitsandbytes.nn import Linear4bit

    model, tokenizer = load_base(str(tiny_model))
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 14
    assert {layer.weight.quant_state.quant_type for layer in layers} == {"nf4"}
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert tokenizer.padding_side == "right"


def test_gradients_survive_an_evaluation(tiny_model):
    """One forward pass in evaluation mode must not cost the backward pass (it does in bitsandbytes as it comes)."""
    from peft import LoraConfig, get_peft_model

    model, _ = load_base(str(tiny_model))
    ids = torch.arange(1, 30)[None]
    with torch.no_grad():
        model(input_ids=ids)
    peft_model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    peft_model.train()
    peft_model(input_ids=ids, labels=ids).loss.backward()
    norms = {name: float(p.grad.norm()) for name, p in peft_model.named_parameters() if "lora_B" in name}
    assert len(norms) == 4
    assert all(norm > 0 for norm in norms.values()), norms


def test_nf4_gradients_agree_with_the_dequantised_model(tiny_llama):
    import bitsandbytes as bnb

    model, _ = load_base(str(tiny_llama), "float32")
    ids = torch.arange(1, 30)[None]
    embedding = model.get_input_embeddings().weight.requires_grad_(True)

    def gradient() -> torch.Tensor:
        embedding.grad = None
        model(input_ids=ids, labels=ids).loss.backward()
        return embedding.grad.clone()

    quantised = gradient()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, bnb.nn.Linear4bit):
                dense = torch.nn.Linear(child.in_features, child.out_features, bias=False)
                weight = bnb.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                dense.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
                setattr(module, name, dense)
    torch.testing.assert_close(quantised, gradient(), rtol=1e-4, atol=1e-6)


def test_unknown_model_names_the_choices():
    with pytest.raises(ModelNotFoundError, match="embedded, qwen3-0.6b, a name on the model hub"):
        resolve_model("gpt-9")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_incomplete_folder_says_what_is_missing(tiny_llama, tmp_path, missing):
    folder = shutil.copytree(tiny_llama, tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(ModelNotFoundError, match="has no"):
        resolve_model(str(folder))


def test_damaged_weights_are_one_sentence(tiny_llama, tmp_path):
    folder = shutil.copytree(tiny_llama, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded") as caught:
        load_base(str(folder))
    assert "\n" not in str(caught.value)


def test_the_hub_out_of_reach_is_said_at_once():
    with pytest.raises(HubUnreachableError, match="choose the model “embedded”"):
        load_base(QWEN3)


def test_hash_depends_on_the_weights(tiny_llama, tiny_qwen3):
    first, second = (model_hash(resolve_model(str(folder))) for folder in (tiny_llama, tiny_qwen3))
    assert first != second
    assert len(first) == 64


def test_auto_takes_bfloat16_on_a_gpu_and_the_faster_one_on_a_cpu(monkeypatch):
    assert resolve_dtype("auto", "cuda") is torch.bfloat16
    for name in ("float32", "bfloat16"):
        monkeypatch.setattr(base, "fastest_cpu_type", lambda name=name: name)
        assert resolve_dtype("auto", "cpu") is getattr(torch, name)


@pytest.mark.model
def test_embedded_model_is_the_pinned_one():
    source = resolve_model(EMBEDDED)
    config = source.config
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (30, 576, 49_152)
    assert model_hash(source).startswith("b179c952")
    assert model_hash(source).endswith("8110db53")
