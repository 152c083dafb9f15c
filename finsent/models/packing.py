"""Shared-prefix packing: many rows in one, with the prompt's common beginning computed once.

All prompts of one answer set begin with the same system prompt, about half of their tokens. A packed row is a tree::

    [ prefix | rest of row 1 | rest of row 2 | ... ]

in which each token sees its own segment and the segments above it, causally, and positions restart after the
prefix. Loss and gradients are those of the rows one by one: attention, rotary positions and every other part of the
model see for each token what they would see unpacked. (LoRA dropout draws one mask for the shared prefix.)
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finsent.models.tree import TokenTree, attention_layout

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PackingCollator:
    """Packs encoded rows (see :mod:`finsent.inference.encoding`) into one row for the trainer.

    The batch holds ``row_tokens`` (rows,), each row's length unpacked; ``packed_tokens`` (1,), how many tokens are
    theirs; ``input_ids`` and ``position_ids`` (1, n), filled up at the end (see ``MULTIPLE``), and their attention
    ``tree`` (see :func:`finsent.models.tree.attention_layout`); the indices of the tokens whose logits are needed,
    ``logit_positions`` (u,); and for each supervised token its id, ``target_ids`` (t,), and which of the u logits
    predicts it, ``target_rows`` (t,). For whole-sequence loss a prefix token counts once per row that shares it, while
    its logits are computed once. ``labels`` are what the loss is a mean over, here the supervised tokens. They are
    ``shift_labels`` too, which transformers counts where they are there; of ``labels`` alone it leaves out the first.
    A ``blank`` row fills up the last batch where processes share batches: it is left out, and only a batch of nothing
    else computes one, without a label.
    """

    dtype: "torch.dtype"
    device: str = "cpu"
    whole_sequence: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the packed batch."""
        import torch

        real, rows = _real_rows(rows)
        tree, segments = _pack(rows)
        predictors: list[int] = []
        targets: list[int] = []
        for row, (parent, segment) in zip(real, segments, strict=False):
            tokens = row["input_ids"]
            places = _places(tree, parent, row["prefix_length"], segment, len(tokens))
            first = 1 if self.whole_sequence else row["prompt_length"]
            predictors.extend(places[first - 1 : -1])
            targets.extend(tokens[first:])
        batch = _batch(tree, self.dtype, self.device, predictors, targets)
        row_tokens = torch.tensor([len(row["input_ids"]) for row in rows])
        # The number of rows comes first, because the trainer reads it off the first tensor.
        return {"row_tokens": row_tokens} | _labels(batch["target_ids"]) | batch


@dataclass(frozen=True)
class ChoiceCollator:
    """Packs rows encoded as choices (:func:`finsent.inference.encoding.encode_choices`), for a loss within the answer
    set.

    The batch is that of :class:`PackingCollator`, but its supervised tokens are those of every label that a row's
    prompt allows. ``choices`` (t,) says which place in a table of rows by labels each token's log-probability is added
    to, ``absent`` (rows, labels) which places of it have no label, and ``labels`` (rows,) which label is right.
    """

    dtype: "torch.dtype"
    device: str = "cpu"

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the packed batch."""
        import torch

        real, rows = _real_rows(rows)
        tree, segments = _pack(rows)
        width = max(len(row["branches"]) for row in rows)
        predictors: list[int] = []
        tokens: list[int] = []
        choices: list[int] = []
        for number, (row, (_, segment)) in enumerate(zip(real, segments, strict=False)):
            for label, branch in enumerate(row["branches"]):
                predictors.extend(tree.add_branch(branch, segment))
                tokens.extend(branch)
                choices.extend([number * width + label] * len(branch))
        counts = torch.tensor([len(row["branches"]) for row in real], dtype=torch.long)
        row_tokens = torch.tensor([len(row["input_ids"]) + len(row["branches"][row["gold"]]) for row in rows])
        return {
            "row_tokens": row_tokens,
            **_labels(torch.tensor([row["gold"] for row in real], dtype=torch.long)),
            "choices": torch.tensor(choices, dtype=torch.long),
            "absent": torch.arange(width)[None] >= counts[:, None],
        } | _batch(tree, self.dtype, self.device, predictors, tokens)


def summed_loss(log_probabilities: "torch.Tensor", batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
    """Return the cross-entropy of a packed batch, summed over its ``labels``, in nats.

    ``log_probabilities`` (u, vocabulary) are those at the batch's ``logit_positions``.
    """
    from torch.nn.functional import cross_entropy

    tokens = log_probabilities[batch["target_rows"], batch["target_ids"]]
    if "choices" not in batch:
        return -tokens.sum()
    absent = batch["absent"]
    scores = tokens.new_zeros(absent.numel()).index_add(0, batch["choices"], tokens).view(absent.shape)
    return cross_entropy(scores.masked_fill(absent, float("-inf")), batch["labels"], reduction="sum")


def _real_rows(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows that count, and those to compute: the same, or one blank row where there is no other."""
    real = [row for row in rows if not row.get("blank")]
    return real, real or rows[:1]


def _pack(rows: list[dict[str, Any]]) -> tuple[TokenTree, list[tuple[int, int]]]:
    """Return the tree of some rows, and for each row the segments of its prefix (-1 for none) and of its rest."""
    tree = TokenTree()
    prefixes: dict[tuple[int, ...], int] = {}
    segments = []
    for row in rows:
        tokens, cut = row["input_ids"], row["prefix_length"]
        prefix = tuple(tokens[:cut])
        if prefix and prefix not in prefixes:
            prefixes[prefix] = tree.add(prefix)
        parent = prefixes.get(prefix, -1)
        segments.append((parent, tree.add(tokens[cut:], parent)))
    return tree, segments


def _labels(labels: "torch.Tensor") -> "dict[str, torch.Tensor]":
    return {"labels": labels, "shift_labels": labels}


def _batch(
    tree: TokenTree, dtype: "torch.dtype", device: str, predictors: list[int], targets: list[int]
) -> dict[str, Any]:
    import torch

    count = tree.fill_up()
    positions, target_rows = torch.unique(torch.tensor(predictors, dtype=torch.long), return_inverse=True)
    return {
        "packed_tokens": torch.tensor([count]),
        "input_ids": torch.tensor([tree.tokens]),
        "position_ids": torch.tensor([tree.positions]),
        # A mask of four dimensions is taken as it is; what is visible stands in the tree.
        "attention_mask": torch.zeros(1, 1, 1, 1),
        "tree": attention_layout(tree, dtype, device),
        "logit_positions": positions,
        "target_ids": torch.tensor(targets, dtype=torch.long),
        "target_rows": target_rows,
    }


def _places(tree: TokenTree, parent: int, cut: int, segment: int, length: int) -> list[int]:
    """Return where each token of a row stands in the packed row."""
    above = range(tree.ends[parent] - cut + 1, tree.ends[parent] + 1) if parent >= 0 else range(0)
    own = range(tree.ends[segment] - (length - cut) + 1, tree.ends[segment] + 1)
    return [*above, *own]
