"""Rows as a tree of token segments: who continues whom, who sees whom, and where each token attends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: Packed rows are filled up to a multiple of so many tokens. Kernels and buffers are kept for each length that comes up
#: (on a CPU for every matrix shape in bfloat16), so that without it a run slows down by a third and its memory grows.
MULTIPLE = 32


@dataclass
class TokenTree:
    """Segments of tokens; each continues its parent segment (or starts a sequence) and sees only its ancestors.

    ``tokens``, ``positions`` and ``segments`` have one entry per packed token; ``parents`` and ``ends`` (the last
    token) one per segment.
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

    def add_shared(self, sequences: Sequence[Sequence[int]], parent: int = -1) -> list[int]:
        """Append sequences below ``parent``, each beginning that several share once; return where each ends.

        Of each sequence that is the number of its last segment: together the segments are a radix tree of them.
        Sequences in lexicographic order become segments in the order in which they are met.

        Raises:
            ValueError: a sequence is empty.
        """
        ends = [parent] * len(sequences)
        waiting = [(parent, 0, sorted(range(len(sequences)), key=lambda number: tuple(sequences[number])))]
        while waiting:
            above, begin, alike = waiting.pop()
            first, last = sequences[alike[0]], sequences[alike[-1]]
            shared = begin
            while shared < min(len(first), len(last)) and first[shared] == last[shared]:
                shared += 1
            segment = self.add(first[begin:shared], above) if shared > begin or not first else above
            branches: dict[int, list[int]] = {}
            for number in alike:
                if len(sequences[number]) == shared:
                    ends[number] = segment
                else:
                    branches.setdefault(sequences[number][shared], []).append(number)
            waiting += [(segment, shared, branch) for branch in reversed(branches.values())]
        return ends

    def add_branch(self, tokens: Sequence[int], parent: int) -> list[int]:
        """Append what an answer of these tokens needs below ``parent``; return where each token's predictor stands.

        The last token predicts nothing, so an answer of one token adds none.
        """
        places = [self.ends[parent]]
        if len(tokens) > 1:
            end = self.ends[self.add(tokens[:-1], parent)]
            places.extend(range(end - len(tokens) + 2, end + 1))
        return places

    def fill_up(self, cached: int = 0) -> int:
        """Append a segment that nobody sees, up to a multiple of ``MULTIPLE`` tokens; return the tokens before it.

        The first ``cached`` tokens are in the model's cache and do not count.
        """
        count = len(self.tokens) - cached
        if count % MULTIPLE:
            self.add([0] * (-count % MULTIPLE))
        return count


def common_prefix_length(sequences: Sequence[list[int]]) -> int:
    """Return how many first tokens all sequences share, leaving each sequence at least one token of its own.

    The prefix shared by a set is the prefix shared by its lexicographic minimum and maximum.
    """
    low, high = min(sequences), max(sequences)
    longest = min(len(sequence) for sequence in sequences) - 1
    for index in range(longest):
        if low[index] != high[index]:
            return index
    return max(longest, 0)


def tree_layout(tree: TokenTree, dtype: "torch.dtype", cached: int = 0) -> dict[str, Any]:
    """Return where each token of a packed row attends, as the ``tree`` argument of a model's forward pass.

    A root segment and the segments below it form a group: the root is the group's prefix, and each of its children
    with everything below it is a block. The first ``cached`` tokens, a root, are in the model's cache and are keys
    only.

    The result has ``groups``, each with ``prefix`` (p,), whether that is ``computed`` and not cached, ``rows`` (blocks,
    longest) of token indices and an additive ``mask`` (blocks, 1, longest, p + longest); and ``order`` (tokens,), where
    each token's output stands among the groups' outputs. Padding in ``rows`` repeats token 0 and is visible to nobody.
    """
    import torch

    segments = torch.tensor(tree.segments)
    sees = _ancestors(tree.parents)
    order = torch.empty(len(tree.tokens), dtype=torch.long)
    groups, placed = [], 0
    for root, parent in enumerate(tree.parents):
        if parent >= 0:
            continue
        prefix = (segments == root).nonzero()[:, 0]
        children = [child for child, above in enumerate(tree.parents) if above == root]
        blocks = [sees[segments, child].nonzero()[:, 0] for child in children]
        computed = cached == 0 or int(prefix[0]) >= cached
        if computed:
            order[prefix] = torch.arange(placed, placed + len(prefix))
            placed += len(prefix)
        group: dict[str, Any] = {"prefix": prefix, "computed": computed}
        if blocks:
            group |= _block_layout(blocks, len(prefix), segments, sees, dtype)
            longest = group["rows"].shape[1]
            for number, block in enumerate(blocks):
                start = placed + number * longest
                order[block] = torch.arange(start, start + len(block))
            placed += len(blocks) * longest
        groups.append(group)
    return {"groups": groups, "order": order[cached:], "cached": cached} | _positions(tree)


def dense_layout(tree: TokenTree, dtype: "torch.dtype", cached: int = 0) -> dict[str, Any]:
    """Return which token sees which as one additive ``mask``, shape (1, 1, tokens, cached + tokens).

    It says what :func:`tree_layout` says, at the cost of n² products, most of them masked, in a single call.
    """
    import torch

    segments = torch.tensor(tree.segments)
    # A segment stands behind those that it continues, so that within what it sees the order decides.
    seen = _ancestors(tree.parents)[segments][:, segments].tril_()[cached:]
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
    return {"mask": mask[None, None]} | _positions(tree)


def attention_layout(tree: TokenTree, dtype: "torch.dtype", device: str, cached: int = 0) -> dict[str, Any]:
    """Return the layout that a type of device is faster with, as the ``tree`` argument of a model's forward pass.

    A GPU waits for the launch of each of many small calls, and masked products cost it next to nothing; a CPU is the
    other way round.
    """
    return (dense_layout if device == "cuda" else tree_layout)(tree, dtype, cached)


def _positions(tree: TokenTree) -> dict[str, Any]:
    """Return the ``positions`` (cached + tokens,) of a layout, and how many tokens the ``longest`` row has."""
    import torch

    positions = torch.tensor(tree.positions)
    return {"positions": positions, "longest": int(positions.max()) + 1}


def _ancestors(parents: list[int]) -> "torch.Tensor":
    """Return a matrix whose row says which segments a segment sees: itself and those above it."""
    import torch

    sees = torch.eye(len(parents), dtype=torch.bool)
    for number, parent in enumerate(parents):
        if parent >= 0:
            sees[number] |= sees[parent]
    return sees


def _block_layout(
    blocks: "list[torch.Tensor]",
    prefix: int,
    segments: "torch.Tensor",
    sees: "torch.Tensor",
    dtype: "torch.dtype",
) -> "dict[str, torch.Tensor]":
    import torch

    longest = max(len(block) for block in blocks)
    rows = torch.zeros(len(blocks), longest, dtype=torch.long)
    allowed = torch.ones(len(blocks), longest, longest, dtype=torch.bool).tril_()
    for number, block in enumerate(blocks):
        length = len(block)
        rows[number, :length] = block
        inside = segments[block]
        # Padding stands behind the block's tokens, where causality hides it from them.
        allowed[number, :length, :length] &= sees[inside][:, inside]
    seen = torch.cat([torch.ones(len(blocks), longest, prefix, dtype=torch.bool), allowed], dim=2)
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
    return {"rows": rows, "mask": mask[:, None]}
