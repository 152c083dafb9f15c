"""Hidden states of packed rows of tokens: the rows are read beside one another, each after a beginning that it shares.

Rows are packed as in :mod:`finsent.inference.scoring`; what is kept of their states is for those who read them to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finsent.inference.scoring import TOKENS_PER_PASS, Report, in_batches
from finsent.models.tree import TokenTree, attention_layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Group:
    """Rows of tokens that follow the same ``prefix``, and the place of each in the result."""

    prefix: list[int]
    rows: list[list[int]]
    places: Sequence[int]


@dataclass(frozen=True)
class Layers:
    """What one forward pass over some rows gave: the states before and after each layer, shape (tokens, width) each."""

    states: "tuple[torch.Tensor, ...]"
    tree: TokenTree
    segments: list[int]
    lengths: list[int]

    def means(self, layer: int) -> "torch.Tensor":
        """Return the mean of a layer's states over the tokens of each row, shape (rows, width), float32."""
        import torch

        states = self.states[layer].float()
        sums = torch.zeros(len(self.tree.parents), states.shape[1], device=states.device)
        sums.index_add_(0, torch.tensor(self.tree.segments, device=states.device), states)
        return sums[self.segments] / torch.tensor(self.lengths, device=states.device)[:, None]

    def lasts(self, layer: int) -> "torch.Tensor":
        """Return a layer's state of the last token of each row, shape (rows, width), float32."""
        return self.states[layer].float()[[self.tree.ends[segment] for segment in self.segments]]


def read_packed(
    model: "PreTrainedModel",
    groups: list[Group],
    width: int,
    keep: "Callable[[Layers], torch.Tensor]",
    report: Report | None = None,
    tokens_per_pass: int | None = None,
) -> np.ndarray:
    """Return what ``keep`` makes of each row's states (a row of ``width`` each), in the rows' places, float32.

    ``report(done, total)`` counts tokens, is called before the first forward pass and after each, and may raise to
    stop the work. The model is left as it was.
    """
    import torch

    kept = np.zeros((sum(len(group.rows) for group in groups), width), dtype=np.float32)
    done, total = 0, sum(len(row) for group in groups for row in group.rows)
    report = report or (lambda done, total: None)
    report(done, total)
    budget = tokens_per_pass or TOKENS_PER_PASS[model.device.type]
    was_training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            for group in groups:
                numbered = sorted(zip(group.places, group.rows, strict=True), key=lambda one: len(one[1]))
                for batch in in_batches(numbered, lambda one: len(one[1]), budget):
                    rows = [row for _, row in batch]
                    kept[[place for place, _ in batch]] = keep(_layers(model, group.prefix, rows)).cpu().numpy()
                    done += sum(map(len, rows))
                    report(done, total)
    finally:
        model.train(was_training)
    return kept


def _layers(model: "PreTrainedModel", prefix: list[int], rows: list[list[int]]) -> Layers:
    import torch
    from accelerate.utils import send_to_device

    tree = TokenTree()
    root = tree.add(prefix) if prefix else -1
    segments = [tree.add(row, root) for row in rows]
    tree.fill_up()
    device = model.device
    read = model.get_decoder()(
        input_ids=torch.tensor([tree.tokens], device=device),
        position_ids=torch.tensor([tree.positions], device=device),
        # A mask of four dimensions is taken as it is; what is visible stands in the tree.
        attention_mask=torch.zeros(1, 1, 1, 1, device=device),
        tree=send_to_device(attention_layout(tree, model.dtype, device.type), device),
        use_cache=False,
        output_hidden_states=True,
    )
    return Layers(tuple(layer[0] for layer in read.hidden_states), tree, segments, [len(row) for row in rows])
