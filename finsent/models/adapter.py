"""A run's adapter: checked file by file against the base model before anything of it is loaded, then attached.

An adapter that is not whole loads without a word in PEFT, and what is missing stays as it was drawn at random.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from finsent.errors import AdapterError, first_line, reason
from finsent.files import read_json
from finsent.models.base import is_same_model, keep_gradients_on_cpu

if TYPE_CHECKING:
    from peft import PeftModel
    from safetensors import safe_open
    from transformers import PreTrainedModel

CONFIG_FILE, WEIGHTS_FILE, NOTE_FILE = "adapter_config.json", "adapter_model.safetensors", "finsent.json"
_REMEDY = "Train a new one, or choose another."
_PREFIX = "base_model.model."
_TYPES = ("F32", "F16", "BF16")
#: What PEFT's configuration may say besides LoRA's own settings; each other key must be empty or off.
_HARMLESS = frozenset(
    {"base_model_name_or_path", "peft_version", "inference_mode", "init_lora_weights", "revision", "megatron_core"}
    | {"qalora_group_size"}
)


class AdapterSettings(BaseModel):
    """What of PEFT's configuration finsent writes."""

    model_config = ConfigDict(extra="allow", strict=True)

    peft_type: Literal["LORA"]
    task_type: Literal["CAUSAL_LM"]
    r: int = Field(ge=1, le=4096)
    lora_alpha: int | float = Field(gt=0, le=1e6)
    lora_dropout: float = Field(ge=0, lt=1)
    target_modules: list[str] = Field(min_length=1, max_length=100)
    bias: Literal["none"] = "none"


class _Note(BaseModel):
    """What finsent says beside an adapter of where it comes from."""

    base_model: str = Field(default="", max_length=1_000)
    base_model_hash: str = Field(max_length=200)


def load_adapter(model: "PreTrainedModel", adapter_dir: Path, base_hash: str) -> None:
    """Attach a run's adapter to a base model, switched on, for inference.

    ``base_hash`` is the model's (see :func:`finsent.models.base.model_hash`). Nothing changes in the model where the
    adapter is refused.

    Raises:
        AdapterError: the folder holds no adapter, a damaged one, or one that was trained on another model.
    """
    from transformers import logging as transformers_logging

    check_adapter(model, adapter_dir, base_hash)
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        model.load_adapter(str(adapter_dir), adapter_name="tuned")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(f"The adapter in {adapter_dir} does not fit this model ({first_line(error)}).") from error
    finally:
        transformers_logging.set_verbosity(before)
    keep_gradients_on_cpu(model)
    model.eval()


def check_adapter(model: "PreTrainedModel", adapter_dir: Path, base_hash: str) -> None:
    """Check a run's adapter against the base model that it is for; raises as :func:`load_adapter`."""
    if not (adapter_dir / WEIGHTS_FILE).is_file():
        raise AdapterError(f"{adapter_dir} holds no adapter. Train one first, or choose a run that is done.")
    _check_base(adapter_dir, base_hash)
    check_matrices(model, adapter_dir)


def check_matrices(model: "PreTrainedModel", adapter_dir: Path) -> AdapterSettings:
    """Check that an adapter is a sound LoRA with all the matrices that a model takes, and return its settings.

    The model may be a skeleton (see :mod:`finsent.models.skeleton`).

    Raises:
        AdapterError: its configuration or its weights are not those of such an adapter.
    """
    config = _read_config(adapter_dir)
    _check_weights(adapter_dir / WEIGHTS_FILE, _expected(model, config))
    return config


def start_from(model: "PeftModel", adapter_dir: Path, base_hash: str) -> None:
    """Give a model with fresh LoRA matrices those of an adapter, to be trained further.

    ``base_hash`` is the base model's. Nothing changes in the model where the adapter is refused.

    Raises:
        AdapterError: the folder holds no adapter, a damaged one, or one of another base model or other matrices.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    _check_base(adapter_dir, base_hash)
    config = _read_config(adapter_dir)
    own: Any = model.peft_config["default"]
    if (config.r, config.lora_alpha, set(config.target_modules)) != (own.r, own.lora_alpha, set(own.target_modules)):
        raise AdapterError(
            f"The adapter in {adapter_dir} has other matrices (rank {config.r}, alpha {config.lora_alpha}) than this "
            "run. Leave lora_rank, lora_alpha and target_modules as they are."
        )
    shapes = {name: list(matrix.shape) for name, matrix in get_peft_model_state_dict(model).items()}
    _check_weights(adapter_dir / WEIGHTS_FILE, shapes)
    set_peft_model_state_dict(model, load_file(adapter_dir / WEIGHTS_FILE))


def _check_base(adapter_dir: Path, base_hash: str) -> None:
    file = adapter_dir / NOTE_FILE
    try:
        note = _Note.model_validate(read_json(file))
    except (OSError, ValueError) as error:
        raise _damaged(file, reason(error)) from error
    if not is_same_model(note.base_model_hash, base_hash):
        raise AdapterError(
            f"The adapter in {adapter_dir} was trained on another base model than this one ({note.base_model[:100]}, "
            f"by its hash). Put that model back, or choose another run."
        )


def _read_config(adapter_dir: Path) -> AdapterSettings:
    file = adapter_dir / CONFIG_FILE
    try:
        config = AdapterSettings.model_validate(read_json(file))
    except (OSError, ValueError) as error:
        raise _damaged(file, reason(error)) from error
    unknown = [key for key, value in (config.model_extra or {}).items() if value and key not in _HARMLESS]
    if unknown:
        raise _damaged(file, f"it sets {unknown[0][:60]}, which finsent does not use")
    return config


def _expected(model: "PreTrainedModel", config: AdapterSettings) -> dict[str, list[int]]:
    """Return the names and shapes of the matrices that an adapter of this configuration has on a model."""
    shapes: dict[str, list[int]] = {}
    for name, module in model.named_modules():
        layer: Any = module
        if name.rpartition(".")[2] in config.target_modules and hasattr(layer, "in_features"):
            shapes[f"{_PREFIX}{name}.lora_A.weight"] = [config.r, layer.in_features]
            shapes[f"{_PREFIX}{name}.lora_B.weight"] = [layer.out_features, config.r]
    return shapes


def _check_weights(file: Path, expected: dict[str, list[int]]) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        # Opening it checks that its header and its length agree; no value is read by that.
        with safe_open(file, framework="pt") as tensors:
            _check_names(file, set(tensors.keys()), set(expected))
            for name, shape in expected.items():
                about = tensors.get_slice(name)
                if about.get_shape() != shape or about.get_dtype() not in _TYPES:
                    raise _damaged(
                        file, f"{name} is {about.get_dtype()} of shape {about.get_shape()}, and not floats of {shape}"
                    )
            _check_values(file, tensors, expected)
    except (OSError, SafetensorError) as error:
        raise _damaged(file, f"it cannot be read ({first_line(error)})") from error


def _check_names(file: Path, found: set[str], expected: set[str]) -> None:
    for names, words in ((expected - found, "are missing"), (found - expected, "belong to no layer of this model")):
        if names:
            total = len(expected) if words == "are missing" else len(found)
            raise _damaged(file, f"{len(names):,} of {total:,} matrices {words}, the first is {min(names)[:120]}")


def _check_values(file: Path, tensors: "safe_open", expected: dict[str, list[int]]) -> None:
    for name in expected:
        values = tensors.get_tensor(name)  # type: ignore[no-untyped-call]  # it has no types
        if not values.isfinite().all():
            raise _damaged(file, f"{name} holds values that are no finite numbers")


def _damaged(file: Path, why: str) -> AdapterError:
    return AdapterError(f"{file} is damaged: {why}. {_REMEDY}")
