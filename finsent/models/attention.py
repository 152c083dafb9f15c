"""Attention over packed rows: each row looks at the shared prefix and at itself, and no more is computed.

A dense mask over a packed row of n tokens costs n² products, most of them masked. Here the rows become a batch whose
keys begin with the prefix's, so the cost is that of the rows alone. Layers with a sliding window hide what lies behind
it, by each row's own positions. It plugs into transformers' attention interface; without a ``tree`` argument, or with a
dense layout in it, it is transformers' own ``sdpa`` attention.
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "finsent_tree"


def use_tree_attention(model: PreTrainedModel) -> None:
    """Make a transformers model understand the ``tree`` argument; without it, it computes as with ``sdpa``."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


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
    """Return the attention output, shape (batch, tokens, heads, size), as transformers' interface asks."""
    window = _window(tree, kwargs.get("sliding_window"))
    if tree is None or "mask" in tree:
        mask = attention_mask if tree is None else tree["mask"].to(query.dtype)
        if tree is not None and mask is not None and window is not None:
            mask = _nearer(mask, tree["positions"], window)
        return sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **kwargs)

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        # The sequences of a batch have one and the same tree.
        sequences = zip(query, key, value, strict=True)
        return torch.stack([_attend_tree(*one, scaling, tree, window) for one in sequences])

    if query.requires_grad and query.device.type == "cpu" and query.dtype is torch.bfloat16:
        with torch.autocast("cpu", enabled=False):
            return attend(query.float(), key.float(), value.float()).to(query.dtype), None
    return attend(query, key, value), None


def _window(tree: dict[str, Any] | None, window: int | None) -> int | None:
    """Return the layer's sliding window, or None where every row fits into it, so that it changes nothing."""
    return window if tree is not None and window and tree["longest"] > window else None


def _nearer(mask: torch.Tensor, positions: torch.Tensor, window: int) -> torch.Tensor:
    """Hide in an additive mask (..., queries, keys) what a layer's window does not reach back to.

    ``positions`` (..., keys) are those of the keys, the last of which are the queries.
    """
    positions = positions.to(mask.device)
    queries = positions[..., -mask.shape[-2] :]
    far = queries[..., :, None] - positions[..., None, :] >= window
    return mask.masked_fill(far, torch.finfo(mask.dtype).min)


def _attend_tree(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    tree: dict[str, Any],
    window: int | None,
) -> torch.Tensor:
    # (heads, tokens, size) -> (tokens, heads, size), where picking rows copies whole vectors.
    queries, keys, values = (part.transpose(0, 1) for part in (query, key, value))
    cached, outputs = tree["cached"], []
    for group in tree["groups"]:
        prefix = group["prefix"]
        prefix_keys, prefix_values = keys.index_select(0, prefix), values.index_select(0, prefix)
        if group["computed"]:
            own = queries.index_select(0, prefix - cached)
            outputs.append(_attend_prefix(own, prefix_keys, prefix_values, scaling, window))
        if "rows" in group:
            if window is not None:
                group = group | {"mask": _rows_mask(group, tree["positions"], window)}
            outputs.append(_attend_rows(queries, keys, values, prefix_keys, prefix_values, group, cached, scaling))
    return torch.cat(outputs).index_select(0, tree["order"])


def _rows_mask(group: dict[str, torch.Tensor], positions: torch.Tensor, window: int) -> torch.Tensor:
    prefix, rows = group["prefix"], group["rows"]
    keys = torch.cat([positions[prefix].expand(len(rows), -1), positions[rows]], dim=1)
    return _nearer(group["mask"], keys[:, None], window)


def _attend_prefix(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, window: int | None
) -> torch.Tensor:
    mask = None
    if window is not None:
        places = torch.arange(len(query), device=query.device)
        distance = places[:, None] - places
        mask = (distance >= 0) & (distance < window)
    output = scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        key.transpose(0, 1)[None],
        value.transpose(0, 1)[None],
        attn_mask=mask,
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
