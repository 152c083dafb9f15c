"""The memory account against loaded tensors, against arithmetic by hand, and against a measured training step."""

import json
from pathlib import Path

import pytest

from finsent.cost.measured_memory import measure_apart, measure_step
from finsent.errors import FinsentError, ModelError
from finsent.models import memory
from finsent.models.base import load_base
from finsent.models.memory import compare_methods, memory_account
from finsent.models.skeleton import read_configuration
from finsent.recipe import Recipe, change_recipe, get_recipe

ALL_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def quick(**changes) -> Recipe:
    return change_recipe(get_recipe("quick"), changes)


@pytest.fixture(scope="module")
def qwen3():
    return read_configuration("qwen3-0.6b")


def test_exact_pieces_are_those_of_the_loaded_model(tiny_model: Path):
    model, _ = load_base(str(tiny_model), "float32")
    packed = scales = rest = 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        packed += parameter.nbytes if state else 0
        scales += state.absmax.nbytes if state else 0
        rest += 0 if state else parameter.nbytes
    account = memory_account(model.config, quick(compute_dtype="float32"), tokens_per_row=50)
    assert account[memory.WEIGHTS] == packed
    assert account[memory.SCALES] == scales
    assert account[memory.EMBEDDINGS] == rest


def test_qwen3_by_hand(qwen3):
    account = memory_account(qwen3, quick(compute_dtype="float32"), tokens_per_row=75, shared_tokens=35, device="cpu")
    assert account[memory.WEIGHTS] == 440_401_920 // 2
    assert account[memory.SCALES] == 440_401_920 // 64 * 4
    assert account[memory.EMBEDDINGS] == (155_582_464 + 65_536) * 4
    assert account[memory.LORA] == account[memory.GRADIENTS] == 1_146_880 * 4
    assert account[memory.OPTIMIZER] == 2 * 1_146_880 * 4
    assert account[memory.LOGITS] == 8 * 2 * 151_936 * 12
    assert account.packed_tokens == 35 + 8 * 40
    assert account.total == sum(piece.bytes for piece in account.pieces)


def test_account_is_json_ready(qwen3):
    value = json.loads(json.dumps(memory_account(qwen3, quick(), tokens_per_row=75).as_json()))
    assert value["total"] == sum(piece["bytes"] for piece in value["pieces"])


def test_activations_grow_with_rows_and_shrink_with_what_is_shared(qwen3):
    def activations(**given) -> int:
        recipe = quick(batch_size=given.pop("rows", 8), **given.pop("settings", {}))
        return memory_account(qwen3, recipe, **{"tokens_per_row": 75, "shared_tokens": 35} | given)[memory.ACTIVATIONS]

    assert activations(rows=16) > 1.8 * activations()
    assert activations(shared_tokens=0) > activations()
    assert activations(settings={"gradient_checkpointing": True}) < activations() / 4
    assert activations(settings={"target_modules": ALL_MODULES}) > activations()
    assert activations(device="cuda", settings={"compute_dtype": "bfloat16"}) < activations()


def test_whole_sequence_loss_needs_more_logits(qwen3):
    answer = memory_account(qwen3, quick(), tokens_per_row=75, shared_tokens=35)
    whole = memory_account(qwen3, quick(loss="sequence"), tokens_per_row=75, shared_tokens=35)
    assert whole[memory.LOGITS] == (35 + 8 * 40) * 151_936 * 12 > answer[memory.LOGITS]


def test_methods_of_fine_tuning_by_hand(qwen3):
    full, lora, qlora = compare_methods(qwen3, quick())
    weights, trained = 596_049_920, 1_146_880
    assert full.weights + full.gradients + full.optimizer == 16 * weights
    assert lora.weights == 2 * weights + 4 * trained
    assert qlora.weights == 440_401_920 // 2 + 440_401_920 // 16 + 2 * (weights - 440_401_920) + 4 * trained
    assert lora.optimizer == qlora.optimizer == 8 * trained


def test_unknown_target_modules_are_refused(tiny_llama: Path, tmp_path: Path):
    for file in tiny_llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_layer": 1, "n_embd": 64, "n_head": 2}')
    with pytest.raises(ModelError):
        memory_account(read_configuration(str(tmp_path)), quick(), tokens_per_row=50)


@pytest.fixture
def even_rows(tmp_path: Path) -> Path:
    """Labelled texts of equal length, since the account knows the mean length alone."""
    labels = ("positive", "neutral", "negative")
    rows = [
        {"text": f"Revenue of company {n:03d} came to {n * 7 % 89 + 10} million", "label": labels[n % 3]}
        for n in range(200)
    ]
    path = tmp_path / "even.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "sequence"},
        {"compute_dtype": "bfloat16", "target_modules": ALL_MODULES},
        {"lora_dropout": 0.0, "lora_rank": 32},
        {"gradient_checkpointing": True},
    ],
)
def test_prediction_meets_a_measured_step(changes: dict, tiny_model: Path, even_rows: Path):
    recipe = quick(model=str(tiny_model), source=str(even_rows), batch_size=16, **changes)
    step = measure_step(recipe)
    assert step.rows == 16
    assert step.peak_bytes == pytest.approx(step.predict(recipe).total, rel=0.1)


@pytest.mark.parametrize("size", [1, 2])
def test_a_step_of_few_rows_is_measured(size: int, tiny_llama: Path, even_rows: Path):
    assert measure_step(quick(model=str(tiny_llama), source=str(even_rows), batch_size=size)).rows == size


def test_a_step_that_cannot_be_measured_says_why():
    with pytest.raises(FinsentError, match="no-such-model"):
        measure_apart(quick(model="no-such-model"))
