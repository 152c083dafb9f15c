"""The keys and values of what prompts begin with, kept from one call to the next.

Whoever classifies texts one after another asks with the same system prompt each time, which is more than half of a
headline's prompt. Its keys and values depend on the weights alone, so they are computed once and looked up afterwards.
"""

import os
from typing import TYPE_CHECKING

import pandas as pd

from finsent.inference.encoding import shared_length, tokenize
from finsent.models.sides import sides_of
from finsent.models.tree import common_prefix_length
from finsent.prompts import build_prompt

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

    #: A base model, with or without an adapter around it.
    Model = PreTrainedModel | PeftModel

#: Beginnings that are kept: one for each answer set, and some for prompts of one's own.
_KEPT = 4


class PrefixCache:
    """Beginnings of prompts with their keys and values, of one model with one state of its adapter.

    Where a beginning ends depends on the prompt alone and not on what was asked before, so that an answer doesn't
    depend on it either. With two ``sides`` it keeps them of the base model and of its adapter (see
    :mod:`finsent.models.sides`). Not safe to share between threads that compute at the same time.
    """

    def __init__(self, sides: int = 1) -> None:
        self.sides = sides
        self._kept: dict[tuple[int, ...], DynamicCache] = {}

    def begin(
        self, model: "Model", tokenizer: "PreTrainedTokenizerBase", row: pd.Series, stems: list[list[int]]
    ) -> "tuple[int, DynamicCache]":
        """Return how many first tokens all ``stems`` share before their texts, and a cache of these.

        ``row``, with a ``prompt`` and a ``system_prompt``, is one of theirs. Each stem has at least one token left.
        The cache is the caller's to extend.
        """
        beginning = os.path.commonprefix([build_prompt(row["system_prompt"], ""), row["prompt"]])
        tokens = tokenize(tokenizer, [beginning])[0] if beginning else []
        cut = min(min(shared_length(tokens, stem), len(stem) - 1) for stem in stems)
        return cut, self._of(model, stems[0][:cut])

    def _of(self, model: "Model", tokens: list[int]) -> "DynamicCache":
        from transformers import DynamicCache

        key = tuple(tokens)
        found = self._kept.pop(key, None)
        if found is None:
            found = _computed(model, tokens, self.sides)
        # The one that was used last stands last, and the first leaves.
        self._kept[key] = found
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        # A copy, since the caller appends to it.
        return DynamicCache(found)


def begin(model: "Model", stems: list[list[int]]) -> "tuple[int, DynamicCache]":
    """Return how many first tokens all stems share, each having at least one left, and a cache of these."""
    cut = common_prefix_length(stems)
    return cut, _computed(model, stems[0][:cut], 1)


def _computed(model: "Model", tokens: list[int], sides: int) -> "DynamicCache":
    import torch
    from transformers import DynamicCache

    # Without the configuration it keeps every key: in a layer with a sliding window, too, rows look back to the prefix.
    cache = DynamicCache()
    if tokens:
        prefix = torch.tensor([tokens] * sides, device=model.device)
        with sides_of(model, sides):
            model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache
