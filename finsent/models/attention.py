"""Attention over packed rows: each row looks at the shared prefix and at itself, and no more is computed.

A dense mask over a packed row of n tokens costs n² products, most of them masked. Here the rows become a batch whose
keys begin with the prefix's, so the cost is that of the rows alone. It plugs into transformers' attention interface;
without a ``tree`` argument, or with a dense layout in it, it is transformers' own ``sdpa`` attention.
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
    """Return the attention output, shape (1, tokens, heads, size), as transformers' interface asks."""
    if tree is None or "mask" in tree:
        mask = attention_mask if tree is None else tree["mask"].to(query.dtype)
        return sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **kwargs)
    if query.requires_grad and query.device.type == "cpu" and query.dtype is torch.bfloat16:
        with torch.autocast("cpu", enabled=False):
            output = _attend_tree(query.float(), key.float(), value.float(), scaling, tree)
            return output.to(query.dtype), None
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
            outputs.append(_attend_prefix(own, prefix_keys, prefix_values, scaling))
        if "rows" in group:
            outputs.append(_attend_rows(queries, keys, values, prefix_keys, prefix_values, group, cached, scaling))
    return torch.cat(outputs).index_select(0, tree["order"])[None]


def _attend_prefix(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
    output = scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        key.transpose(0, 1)[None],
        value.transpose(0, 1)[None],
        is_causal=True,
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
