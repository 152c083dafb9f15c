"""A base model and its adapter beside one another: two models in one pass.

Each matrix of the base model is expanded from its four bits once instead of twice, and its products with few tokens
are larger: both answers to three headlines take a quarter less time than one after the other. PEFT calls it inference
with different adapters in one batch.

Documentation: https://huggingface.co/docs/peft/developer_guides/lora#inference-with-different-lora-adapters-in-the-same-batch
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: How PEFT calls the base model alone.
_BASE = "__base__"


@contextmanager
def sides_of(model: "torch.nn.Module", sides: int) -> Iterator[None]:
    """Let the next passes of a model be those of so many models, one for each sequence of a batch.

    One is the model as it is. Two are the base model and the base model with its adapter, which must be switched on:
    a batch has two sequences while the context lasts, the former's first.
    """
    with ExitStack() as hooks:
        if sides == 2:
            for layer in _lora_layers(model):
                hook = layer.register_forward_pre_hook(_name_sides, with_kwargs=True)
                hooks.callback(hook.remove)
        yield


def _lora_layers(model: "torch.nn.Module") -> list[Any]:
    from peft.tuners.lora import LoraLayer

    return [module for module in model.modules() if isinstance(module, LoraLayer)]


def _name_sides(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    (adapter,) = layer.active_adapters
    return args, kwargs | {"adapter_names": [_BASE, adapter]}
