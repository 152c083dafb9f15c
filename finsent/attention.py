"""Attention over packed rows: each row looks at the shared prefix and at itself, and no more is computed.

A dense mask over a packed row of n tokens costs n² products, most of them masked. Here the rows become a batch whose
keys begin with the prefix's, so the cost is that of the rows alone. It plugs into transformers' attention interface;
without a ``tree`` argument it is transformers' own ``sdpa`` attention.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from finsent.packing import TokenTree

NAME = "finsent_tree"


def tree_layout(tree: "TokenTree", dtype: torch.dtype, cached: int = 0) -> dict[str, Any]:
    """Return where each token of a packed row attends, as the ``tree`` argument of a model's forward pass.

    A root segment and the segments below it form a group: the root is the group's prefix, and each of its children
    with everything below it is a block. The first ``cached`` tokens, a root, are in the model's cache and are keys
    only.

    The result has ``groups``, each with ``prefix`` (p,), whether that is ``computed`` and not cached, ``rows`` (blocks,
    longest) of token indices and an additive ``mask`` (blocks, 1, longest, p + longest); and ``order`` (tokens,), where
    each token's output stands among the groups' outputs. Padding in ``rows`` repeats token 0 and is visible to nobody.
    """
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
        if tree.mutual[root]:
            group["prefix_mask"] = additive_mask(visible_tokens(len(prefix), end=tree.mutual[root]), dtype)
        if blocks:
            mutual = [tree.mutual[child] for child in children]
            group |= _block_layout(blocks, mutual, len(prefix), segments, sees, dtype)
            longest = group["rows"].shape[1]
            for number, block in enumerate(blocks):
                start = placed + number * longest
                order[block] = torch.arange(start, start + len(block))
            placed += len(blocks) * longest
        groups.append(group)
    return {"groups": groups, "order": order[cached:], "cached": cached}


def use_tree_attention(model: torch.nn.Module) -> None:
    """Make a transformers model understand the ``tree`` argument; without it, it computes as with ``sdpa``."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def _ancestors(parents: list[int]) -> torch.Tensor:
    """Return a matrix whose row says which segments a segment sees: itself and those above it."""
    sees = torch.eye(len(parents), dtype=torch.bool)
    for number, parent in enumerate(parents):
        if parent >= 0:
            sees[number] |= sees[parent]
    return sees


def visible_tokens(length: int, start: int = 0, end: int = 0) -> torch.Tensor:
    """Return which tokens see which, (length, length): those before them and, from start to end, each every other."""
    allowed = torch.ones(length, length, dtype=torch.bool).tril_()
    allowed[start:end, start:end] = True
    return allowed


def additive_mask(allowed: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the mask to add to attention's scores: zero where it is allowed, else the type's lowest number."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, torch.finfo(dtype).min)


def _block_layout(
    blocks: list[torch.Tensor],
    mutual: list[int],
    prefix: int,
    segments: torch.Tensor,
    sees: torch.Tensor,
    dtype: torch.dtype,
) -> dict[str, torch.Tensor]:
    longest = max(len(block) for block in blocks)
    rows = torch.zeros(len(blocks), longest, dtype=torch.long)
    # A block begins with the tokens of its first segment, which alone may see one another.
    allowed = torch.stack([visible_tokens(longest, end=count) for count in mutual])
    for number, block in enumerate(blocks):
        length = len(block)
        rows[number, :length] = block
        inside = segments[block]
        # Padding stands behind the block's tokens, where causality hides it from them.
        allowed[number, :length, :length] &= sees[inside][:, inside]
    seen = torch.cat([torch.ones(len(blocks), longest, prefix, dtype=torch.bool), allowed], dim=2)
    return {"rows": rows, "mask": additive_mask(seen, dtype)[:, None]}


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    tree: dict[str, Any] | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention output, shape (1, tokens, heads, size), as transformers' interface asks."""
    if tree is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    if query.requires_grad and query.device.type == "cpu" and query.dtype is torch.bfloat16:
        with torch.autocast("cpu", enabled=False):
            parts = (part.float() for part in (query, key, value))
            return _attend_tree(*parts, scaling, tree).to(query.dtype), None
    return _attend_tree(query, key, value, scaling, tree), None


def _attend_tree(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, tree: dict[str, Any]
) -> torch.Tensor:
    # (1, heads, tokens, size) -> (tokens, heads, size), where picking rows copies whole vectors.
    queries, keys, values = (part[0].transpose(0, 1) for part in (query, key, value))
    cached, outputs = tree["cached"], []
    for group in tree["groups"]:
        prefix = group["prefix"]
        prefix_keys, prefix_values = keys.index_select(0, prefix), values.index_select(0, prefix)
        if group["computed"]:
            own = queries.index_select(0, prefix - cached)
            outputs.append(_attend_prefix(own, prefix_keys, prefix_values, scaling, group.get("prefix_mask")))
        if "rows" in group:
            outputs.append(_attend_rows(queries, keys, values, prefix_keys, prefix_values, group, cached, scaling))
    return torch.cat(outputs).index_select(0, tree["order"])[None]


def _attend_prefix(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, mask: torch.Tensor | None
) -> torch.Tensor:
    output = scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        key.transpose(0, 1)[None],
        value.transpose(0, 1)[None],
        attn_mask=None if mask is None else mask.to(query.dtype),
        is_causal=mask is None,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return output[0].transpose(0, 1)


def _attend_rows(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    prefix_keys: torch.Tensor,
    prefix_values: torch.Tensor,
    group: dict[str, torch.Tensor],
    cached: int,
    scaling: float | None,
) -> torch.Tensor:
    rows, mask = group["rows"], group["mask"]
    count, longest = rows.shape
    heads, size = queries.shape[1:]
    key_heads = keys.shape[1]
    shared = heads // key_heads
    flat = rows.flatten()
    query = queries.index_select(0, (flat - cached).clamp(min=0)).view(count, longest, key_heads, shared, size)
    # Query heads that share a key head stand below one another, so that keys need not be copied per query head.
    query = query.permute(0, 2, 3, 1, 4).reshape(count, key_heads, shared * longest, size)
    mask = mask.to(query.dtype)
    if shared > 1:
        mask = mask.repeat(1, 1, shared, 1)

    def with_prefix(part: torch.Tensor, prefix: torch.Tensor) -> torch.Tensor:
        own = part.index_select(0, flat).view(count, longest, key_heads, size)
        return torch.cat([prefix[None].expand(count, -1, -1, -1), own], dim=1).transpose(1, 2)

    output = scaled_dot_product_attention(
        query, with_prefix(keys, prefix_keys), with_prefix(values, prefix_values), attn_mask=mask, scale=scaling
    )
    output = output.view(count, key_heads, shared, longest, size).permute(0, 3, 1, 2, 4)
    return output.reshape(count * longest, heads, size)
