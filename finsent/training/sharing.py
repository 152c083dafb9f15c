"""Training on a core less while somebody else computes on this machine.

The number of threads is changed between a model's layers, forwards and backwards: a step takes seconds, and a
visitor's question half of one. Divided otherwise, the same sums are computed in the same order, so that a run's adapter
does not depend on who classified beside it. That holds where a matrix product is divided by its rows and columns alone;
it is tried on the model's own matrices first, and a model for which it does not hold keeps its threads.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

#: Packed tokens of a batch: a few rows, a usual batch, a large one. Products are divided otherwise by their size.
_TOKENS = (48, 300, 1024)


class SharedThreads:
    """PyTorch's threads in a model's layers: all, or one less while ``asked`` says so. All of them everywhere else.

    Only for a model on the CPU, in the process's main thread.
    """

    def __init__(self, model: torch.nn.Module, asked: Callable[[], bool]) -> None:
        self.asked = asked
        self.all = self.now = torch.get_num_threads()
        for layer in _layers(model):
            layer.register_forward_pre_hook(self._before_layer)
            layer.register_forward_hook(self._after_layer)

    def take(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        if threads != self.now:
            torch.set_num_threads(threads)
            self.now = threads

    def take_all(self) -> None:
        """Compute with all threads from now on."""
        self.take(self.all)

    def look(self) -> None:
        """Compute with a thread less from now on if somebody asks for a core, else with all."""
        self.take(self.all - 1 if self.asked() else self.all)

    def _before_layer(self, layer: torch.nn.Module, inputs: Any) -> None:
        self.look()

    def _after_layer(self, layer: torch.nn.Module, inputs: Any, output: Any) -> None:
        self.take_all()
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.requires_grad:
            # Backwards, the gradient of what a layer gave is there just before the layer is gone through.
            hidden.register_hook(self._before_gradients)

    def _before_gradients(self, gradient: torch.Tensor) -> None:
        self.look()


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def same_with_fewer_threads(model: torch.nn.Module, dtype: torch.dtype) -> bool:
    """Whether a model's layers give the same numbers, bit for bit, with a thread less, forwards and backwards.

    Tried on one matrix of each shape with random inputs; ``dtype`` is what products are computed in.
    """
    threads = torch.get_num_threads()
    try:
        for products in _products(model, dtype):
            torch.set_num_threads(threads)
            with_all = products()
            torch.set_num_threads(threads - 1)
            if not all(map(torch.equal, with_all, products())):
                return False
    finally:
        torch.set_num_threads(threads)
    return True


def _products(model: torch.nn.Module, dtype: torch.dtype) -> Iterator[Callable[[], list[torch.Tensor]]]:
    """Give functions that each compute one matrix's product with random inputs, and its gradients."""
    layers = _layers(model)
    linear = [module for module in layers[0].modules() if isinstance(module, torch.nn.Linear)] if layers else []
    shapes = {(type(matrix), matrix.in_features, matrix.out_features): matrix for matrix in linear}
    random = torch.Generator().manual_seed(0)
    for matrix in shapes.values():
        for tokens in _TOKENS:
            inputs = torch.randn(1, tokens, matrix.in_features, generator=random, requires_grad=True)
            gradient = torch.randn(1, tokens, matrix.out_features, generator=random)
            yield partial(_computed, matrix, inputs, gradient, dtype)


def _computed(
    matrix: torch.nn.Linear, inputs: torch.Tensor, gradient: torch.Tensor, dtype: torch.dtype
) -> list[torch.Tensor]:
    with torch.autocast("cpu", dtype, enabled=dtype is torch.bfloat16):
        output = matrix(inputs)
    trained = [parameter for parameter in matrix.parameters() if parameter.requires_grad]
    return [output, *torch.autograd.grad(output, [inputs, *trained], gradient.to(output.dtype))]
