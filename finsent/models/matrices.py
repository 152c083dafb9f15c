"""Under which names a model has the matrices that LoRA adapts.

A recipe names them as Llama and most others do. Phi-3 keeps query, key and value in one matrix, and GPT-NeoX (Pythia)
has names of its own; LoRA on one of these is LoRA on the matrix that holds it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, get_args

from finsent.errors import ModelError
from finsent.recipe import TargetModule

if TYPE_CHECKING:
    import torch

#: Each matrix's names: a recipe's, and those of the matrices that are or hold it elsewhere.
NAMES: dict[str, tuple[str, ...]] = {
    "q_proj": ("q_proj", "qkv_proj", "query_key_value"),
    "k_proj": ("k_proj", "qkv_proj", "query_key_value"),
    "v_proj": ("v_proj", "qkv_proj", "query_key_value"),
    "o_proj": ("o_proj", "dense"),
    "gate_proj": ("gate_proj", "gate_up_proj", "dense_h_to_4h"),
    "up_proj": ("up_proj", "gate_up_proj", "dense_h_to_4h"),
    "down_proj": ("down_proj", "dense_4h_to_h"),
}


def own_names(model: "torch.nn.Module", targets: Iterable[str]) -> list[str]:
    """Return the names that a model has for the matrices that a recipe names, each once, in the recipe's order.

    Raises:
        ModelError: it has none of them.
    """
    targets = list(targets)
    has = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    found = [next((name for name in NAMES.get(target, (target,)) if name in has), None) for target in targets]
    names = list(dict.fromkeys(name for name in found if name))
    if not names:
        raise ModelError(f"This model has no layers named {', '.join(targets)}. Choose target modules that it has.")
    return names


def recipe_names(own: Iterable[str]) -> tuple[TargetModule, ...]:
    """Return a recipe's names of the matrices that a model names in its own way; others are left out."""
    own = set(own)
    return tuple(target for target in get_args(TargetModule) if own.intersection(NAMES[target]))
