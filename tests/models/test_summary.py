"""The summaries against the tutorial's figures, against a really loaded model, and against PEFT's own count."""

import json
from pathlib import Path

import pytest

from finsent.errors import ModelError, ModelNotFoundError, RecipeError
from finsent.models.base import QWEN3_CONFIG
from finsent.models.skeleton import add_lora, build_skeleton, read_configuration
from finsent.models.summary import Matrix, lora_parameters, summarise

ALL_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture(scope="module")
def qwen3():
    return summarise("qwen3-0.6b")


def test_qwen3_tables_are_the_tutorials(qwen3):
    before, after = qwen3.before, qwen3.after
    assert (before.total, before.trainable, before.non_trainable) == (531_431_424, 311_230_464, 220_200_960)
    assert (after.total, after.trainable, after.non_trainable) == (532_578_304, 1_146_880, 531_431_424)
    assert before.modules == {
        "Embedding": 155_582_464,
        "ModuleList": 220_265_472,
        "Qwen3RMSNorm": 1_024,
        "Linear": 155_582_464,
    }
    assert after.modules == before.modules | {"ModuleList": 221_412_352}
    assert "Total params: 531,431,424" in before.text
    assert "Trainable params: 1,146,880" in after.text


def test_qwen3_real_parameters_follow_from_its_sizes(qwen3):
    c = QWEN3_CONFIG
    hidden, heads, pairs = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    attention = hidden * c["head_dim"] * (2 * heads + 2 * pairs)
    linear = c["num_hidden_layers"] * (attention + 3 * hidden * c["intermediate_size"])
    norms = c["num_hidden_layers"] * (2 * hidden + 2 * c["head_dim"]) + hidden
    counts = qwen3.parameters
    assert counts.in_4bit == linear == 440_401_920
    assert counts.packed * 2 == counts.in_4bit
    assert counts.embedding == c["vocab_size"] * hidden
    assert counts.other == norms
    assert counts.real == linear + norms + counts.embedding == 596_049_920
    assert counts.tied


def test_what_torchinfo_counts_differently(qwen3):
    """The gap between torchinfo's total and the real one is the packing and the tied embedding, nothing else."""
    counts = qwen3.parameters
    assert qwen3.before.total == counts.real - (counts.in_4bit - counts.packed) + counts.embedding
    assert qwen3.before.trainable == 2 * counts.embedding + counts.other


def test_tree_holds_every_parameter_once(qwen3):
    assert sum(part.parameters for part in qwen3.tree) == qwen3.parameters.real + qwen3.parameters.lora
    assert len({part.path for part in qwen3.tree}) == len(qwen3.tree)
    trained = [part for part in qwen3.tree if part.storage == "LoRA"]
    assert sum(part.parameters for part in trained) == qwen3.after.trainable


def test_summary_is_json_ready(qwen3):
    value = json.loads(json.dumps(qwen3.as_json()))
    assert value["before"]["modules"]["Embedding"] == 155_582_464
    assert value["parameters"]["real"] == 596_049_920


@pytest.mark.parametrize("kind", ["tiny_llama", "tiny_qwen3"])
def test_tables_equal_those_of_a_loaded_model(kind: str, request: pytest.FixtureRequest):
    import torchinfo
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    folder: Path = request.getfixturevalue(kind)
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=nf4, device_map={"": "cpu"})
    summary = summarise(str(folder), rank=4)
    assert summary.before.text == str(torchinfo.summary(model, depth=2, verbose=0))
    model.requires_grad_(False)
    model.add_adapter(LoraConfig(r=4, lora_alpha=32, lora_dropout=0.05, task_type="CAUSAL_LM"), adapter_name="lora")
    assert summary.after.text == str(torchinfo.summary(model, depth=2, verbose=0))


@pytest.mark.parametrize(
    ("rank", "targets"), [(1, ("q_proj",)), (8, ("q_proj", "v_proj")), (64, ALL_MODULES), (16, ("down_proj", "k_proj"))]
)
def test_formula_is_pefts_count(rank: int, targets: tuple[str, ...], tiny_qwen3: Path):
    summary = summarise(str(tiny_qwen3), rank=rank, target_modules=targets)
    assert lora_parameters(summary.matrices, rank, targets) == summary.after.trainable == summary.parameters.lora


def test_formula_on_the_papers_shape():
    assert lora_parameters([Matrix("w", 10_000, 20_000, 1)], 4, ["w"]) == 120_000


def test_skeleton_holds_no_values(tiny_llama: Path):
    model = add_lora(build_skeleton(read_configuration(str(tiny_llama))), 2, 4, 0.0, ["q_proj"])
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_an_untied_head_counts_as_its_own(tiny_llama: Path, tmp_path: Path):
    tied = summarise(str(tiny_llama)).parameters
    for file in tiny_llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    untied = summarise(str(tmp_path)).parameters
    assert not untied.tied
    assert untied.real == tied.real + tied.embedding
    assert untied.in_4bit == tied.in_4bit


@pytest.mark.parametrize("changes", [{"rank": 0}, {"rank": 257}, {"dropout": 1.0}, {"target_modules": ()}])
def test_settings_out_of_range_are_refused_as_a_recipe_refuses_them(changes: dict, tiny_llama: Path):
    with pytest.raises(RecipeError):
        summarise(str(tiny_llama), **changes)


def test_unknown_model_is_named():
    with pytest.raises(ModelNotFoundError, match="no-such-model"):
        summarise("no-such-model")


def test_damaged_configuration_is_named(tiny_llama: Path, tmp_path: Path):
    for file in tiny_llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelNotFoundError, match="cannot be read"):
        summarise(str(tmp_path))


def test_a_model_that_writes_no_text_is_refused(tiny_llama: Path, tmp_path: Path):
    for file in tiny_llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ModelNotFoundError, match="causal language model"):
        summarise(str(tmp_path))


def test_a_model_without_the_target_modules_is_refused(tmp_path: Path, tiny_llama: Path):
    for file in tiny_llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_layer": 1, "n_embd": 64, "n_head": 2}')
    with pytest.raises(ModelError, match="q_proj"):
        summarise(str(tmp_path))


def test_narrow_text_loses_blank_columns_alone(qwen3):
    for table in (qwen3.before, qwen3.after):
        narrow, wide = table.narrow_text.splitlines(), table.text.splitlines()
        assert [line.split() for line in narrow if "=" not in line] == [
            line.split() for line in wide if "=" not in line
        ]
        assert max(map(len, narrow)) < 50 < max(map(len, wide))
