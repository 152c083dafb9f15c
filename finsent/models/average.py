"""Several LoRA adapters as one whose update is exactly the mean of theirs.

LoRA adds s B A to a matrix, with s = alpha / rank. The mean of S such updates is one update again: the A matrices
below one another, the B matrices side by side, the rank the sum of the ranks, and each part divided by S. Where all
have the same s, keeping B and A as they are and taking s / S for the whole gives the mean without rounding a value.
Averaging B and A by themselves would not: (B1 + B2)(A1 + A2) / 4 has products of different runs in it.

What is no plain sum of products is refused: DoRA's magnitudes, biases, matrices trained as a whole.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from finsent.errors import AdapterError, first_line, reason
from finsent.files import read_json
from finsent.models.adapter import CONFIG_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    import torch

#: Settings of PEFT's LoRA under which the update is s B A on the matrices named, and nothing else changes.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none", None),
    "use_dora": (False, None),
    "lora_bias": (False, None),
    "fan_in_fan_out": (False, None),
    "init_lora_weights": (True, False, "gaussian", None),
    "modules_to_save": (None, []),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
    "layer_replication": (None, []),
    "trainable_token_indices": (None, []),
    "target_parameters": (None, []),
    "exclude_modules": (None, []),
    "layers_to_transform": (None, []),
    "alora_invocation_tokens": (None, []),
}
_WHY = {
    "use_dora": "it is a DoRA adapter, whose magnitudes are no sum of products",
    "modules_to_save": "it holds matrices that were trained as a whole",
    "init_lora_weights": "its start is taken out of the base model's weights",
}


class _Lora(BaseModel):
    """What of PEFT's configuration says how large an update is."""

    model_config = ConfigDict(extra="allow", strict=True)

    r: int = Field(ge=1)
    lora_alpha: int | float = Field(gt=0)
    target_modules: list[str] = Field(min_length=1)
    use_rslora: bool = False

    @property
    def scaling(self) -> float:
        """What PEFT multiplies B A with: alpha / r, and with rank-stabilised LoRA alpha / √r (Kalajdzievski 2023)."""
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)


@dataclass(frozen=True)
class AveragePlan:
    """How adapters are put side by side: ``config`` of the result, and what each one's B is multiplied with."""

    config: dict[str, Any]
    factors: tuple[float, ...]


def plan_average(folders: Sequence[Path]) -> AveragePlan:
    """Return how the adapters in some folders become one, from their configurations alone.

    Raises:
        AdapterError: there are fewer than two, one cannot be read, one has settings under which the mean would not be
            exact, or they are about different matrices.
    """
    if len(folders) < 2:
        raise AdapterError("An average needs two adapters or more. Name two runs or more.")
    raw = [_read(folder) for folder in folders]
    parts = [_plain(folder, values) for folder, values in zip(folders, raw, strict=True)]
    for folder, part in zip(folders[1:], parts[1:], strict=True):
        if set(part.target_modules) != set(parts[0].target_modules):
            raise AdapterError(
                f"The adapters in {folders[0]} and {folder} are about different matrices, so their mean is none of "
                "adapters like them. Average runs with the same target_modules."
            )
    rank, scalings = sum(part.r for part in parts), [part.scaling for part in parts]
    if len(set(scalings)) == 1:
        # s / S for the whole, so that no value is rounded: alpha / rank is then just that.
        alpha, factors = scalings[0] * rank / len(parts), (1.0,) * len(parts)
    else:
        alpha, factors = float(rank), tuple(scaling / len(parts) for scaling in scalings)
    whole = int(alpha) if float(alpha).is_integer() else alpha
    return AveragePlan(raw[0] | {"r": rank, "lora_alpha": whole, "lora_dropout": 0.0, "use_rslora": False}, factors)


def average_adapters(folders: Sequence[Path], out: Path) -> None:
    """Write the adapter whose update is the mean of those in ``folders``, in float32, into a folder that exists.

    Raises:
        AdapterError: as :func:`plan_average`, or weights cannot be read or are not of the same matrices.
    """
    from safetensors.torch import save_file

    plan = plan_average(folders)
    parts = [_weights(folder) for folder in folders]
    if any(part.keys() != parts[0].keys() for part in parts):
        raise AdapterError("The adapters hold different matrices, so there is no mean of them. Choose other runs.")
    joined = {name: _joined(name, [part[name] for part in parts], plan.factors) for name in parts[0]}
    save_file(joined, out / WEIGHTS_FILE, metadata={"format": "pt"})
    (out / CONFIG_FILE).write_text(json.dumps(plan.config, indent=2), encoding="utf-8")


def _joined(name: str, matrices: "list[torch.Tensor]", factors: tuple[float, ...]) -> "torch.Tensor":
    import torch

    if name.endswith("lora_A.weight"):
        return torch.cat([one.float() for one in matrices], dim=0).contiguous()
    # In double precision, so that each value is rounded once.
    scaled = [(one.double() * factor).float() for one, factor in zip(matrices, factors, strict=True)]
    return torch.cat(scaled, dim=1).contiguous()


def _read(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG_FILE
    try:
        values = read_json(file)
    except (OSError, ValueError) as error:
        raise AdapterError(f"{file} cannot be read: {reason(error)}. Choose another run.") from error
    if not isinstance(values, dict):
        raise AdapterError(f"{file} is no configuration of an adapter. Choose another run.")
    return values


def _plain(folder: Path, values: dict[str, Any]) -> _Lora:
    for name, allowed in _PLAIN.items():
        if values.get(name, allowed[0]) not in allowed:
            why = _WHY.get(name, f"its {name} is {str(values[name])[:60]}")
            raise AdapterError(
                f"The adapter in {folder} cannot be averaged exactly: {why}. Average adapters of plain LoRA."
            )
    try:
        return _Lora.model_validate(values)
    except ValueError as error:
        raise AdapterError(f"{folder / CONFIG_FILE} is damaged: {reason(error)}. Choose another run.") from error


def _weights(folder: Path) -> "dict[str, torch.Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder / WEIGHTS_FILE
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise AdapterError(f"{file} cannot be read ({first_line(error)}). Choose another run.") from error
    strange = [name for name in weights if not name.endswith(("lora_A.weight", "lora_B.weight"))]
    if strange:
        raise AdapterError(
            f"The adapter in {folder} cannot be averaged exactly: it holds {strange[0][:100]}, which is no matrix of "
            "plain LoRA."
        )
    return weights
