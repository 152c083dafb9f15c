"""Shared-prefix packing: many rows in one, with the prompt's common beginning computed once.

All prompts of one answer set begin with the same system prompt, about half of their tokens. A packed row is a tree::

    [ prefix | rest of row 1 | rest of row 2 | ... ]

in which each token sees its own segment and the segments above it, causally, and positions restart after the
prefix. Loss and gradients are those of the rows one by one: attention, rotary positions and every other part of the
model see for each token what they would see unpacked. (LoRA dropout draws one mask for the shared prefix.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass
class TokenTree:
    """Segments of tokens; each continues its parent segment (or starts a sequence) and sees only its ancestors.

    ``tokens``, ``positions`` and ``segments`` have one entry per packed token; ``parents`` one per segment.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, tokens: Sequence[int], parent: int = -1) -> int:
        """Append a segment of at least one token below ``parent`` and return its number.

        Raises:
            ValueError: the segment is empty.
        """
        if not tokens:
            raise ValueError("a segment needs at least one token")
        start = self.positions[self.ends[parent]] + 1 if parent >= 0 else 0
        number = len(self.parents)
        self.tokens.extend(tokens)
        self.positions.extend(range(start, start + len(tokens)))
        self.segments.extend([number] * len(tokens))
        self.parents.append(parent)
        self.ends.append(len(self.tokens) - 1)
        return number


def common_prefix_length(sequences: Sequence[Sequence[int]]) -> int:
    """Return how many first tokens all sequences share, leaving each sequence at least one token of its own.

    The prefix shared by a set is the prefix shared by its lexicographic minimum and maximum.
    """
    low, high = min(sequences), max(sequences)
    longest = min(len(sequence) for sequence in sequences) - 1
    for index in range(longest):
        if low[index] != high[index]:
            return index
    return max(longest, 0)


@dataclass(frozen=True)
class PackingCollator:
    """Packs encoded rows (see :mod:`finsent.encoding`) into one row for the trainer.

    The batch holds ``row_tokens`` (rows,), each row's length unpacked; ``input_ids`` and ``position_ids`` (1, n) and
    their attention ``tree`` (see :func:`finsent.attention.tree_layout`); the indices of the tokens whose logits are
    needed, ``logit_positions`` (u,); and for each supervised token its id, ``shift_labels`` (t,), and which of the u
    logits predicts it, ``label_rows`` (t,). For whole-sequence loss a prefix token counts once per row that shares
    it, while its logits are computed once. ``labels`` is there too because the trainer counts supervised tokens only
    in batches that have it. A ``blank`` row fills up the last batch where processes share batches: it is left out, and
    only a batch of nothing else computes one, without a label.
    """

    dtype: "torch.dtype"
    whole_sequence: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """Return the packed batch."""
        import torch

        from finsent.attention import tree_layout

        real = [row for row in rows if not row.get("blank")]
        rows = real or rows[:1]
        tree = TokenTree()
        prefixes: dict[tuple[int, ...], int] = {}
        predicted_by: list[int] = []
        labels: list[int] = []
        for row in rows:
            tokens, cut = row["input_ids"], row["prefix_length"]
            prefix = tuple(tokens[:cut])
            if prefix and prefix not in prefixes:
                prefixes[prefix] = tree.add(prefix)
            parent = prefixes.get(prefix, -1)
            segment = tree.add(tokens[cut:], parent)
            if not real:
                continue
            places = _places(tree, parent, cut, segment, len(tokens))
            first = 1 if self.whole_sequence else row["prompt_length"]
            predicted_by.extend(places[first - 1 : -1])
            labels.extend(tokens[first:])
        positions, label_rows = torch.unique(torch.tensor(predicted_by, dtype=torch.long), return_inverse=True)
        shift_labels = torch.tensor(labels, dtype=torch.long)
        return {
            # First, because the trainer reads the number of rows off the first tensor.
            "row_tokens": torch.tensor([len(row["input_ids"]) for row in rows]),
            "input_ids": torch.tensor([tree.tokens]),
            "position_ids": torch.tensor([tree.positions]),
            # A mask of four dimensions is taken as it is; what is visible stands in the tree.
            "attention_mask": torch.zeros(1, 1, 1, 1),
            "tree": tree_layout(tree, self.dtype),
            "logit_positions": positions,
            "labels": shift_labels,
            "shift_labels": shift_labels,
            "label_rows": label_rows,
        }


def _places(tree: TokenTree, parent: int, cut: int, segment: int, length: int) -> list[int]:
    """Return where each token of a row stands in the packed row."""
    above = range(tree.ends[parent] - cut + 1, tree.ends[parent] + 1) if parent >= 0 else range(0)
    own = range(tree.ends[segment] - (length - cut) + 1, tree.ends[segment] + 1)
    return [*above, *own]
