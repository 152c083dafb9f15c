"""How a model reads prompts: what it holds of each one's own part, from its text to the place of the answer.

Two vectors a prompt, one after the other: the mean over the tokens of its own part two thirds of the way up the layers,
and the last token's half of the way up, where what the answer will be takes shape; the last layers are about its
wording. What all prompts of a system prompt begin with is read with them and not counted.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.inference.encoding import shared_length, tokenize
from finsent.inference.packed_states import Group, Layers, read_packed
from finsent.inference.scoring import Report
from finsent.prompts import PROMPT_END, TEXT_BEGIN

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Of a prompt's own part, the last so many tokens are read; that of a headline has about 30.
MOST_TOKENS = 256
#: How prompts are read, in words that change with it: states that were kept of another way are not these.
READING = f"prompts: mean two thirds up and last token half up the layers, over the last {MOST_TOKENS} tokens"


def prompt_states(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[str],
    report: Report | None = None,
    tokens_per_pass: int | None = None,
) -> np.ndarray:
    """Return both vectors of each prompt, shape (prompts, 2 · width), float32.

    ``report(done, total)`` counts tokens, is called before the first forward pass and after each, and may raise to
    stop the work. The model is left as it was.
    """
    groups = [
        Group(*_prefix_and_rests(_tokens(tokenizer, [prompts[place] for place in places])), places)
        for places in _by_beginning(prompts)
    ]
    width = 2 * model.config.get_text_config().hidden_size
    return read_packed(model, groups, width, _both, report, tokens_per_pass)


def _by_beginning(prompts: list[str]) -> list[list[int]]:
    """Return the places of the prompts of each system prompt."""
    beginnings = [prompt.partition(TEXT_BEGIN)[0] for prompt in prompts]
    return [
        [int(place) for place in places]
        for places in pd.Series(beginnings).groupby(beginnings, sort=False).indices.values()
    ]


def _tokens(tokenizer: "PreTrainedTokenizerBase", prompts: list[str]) -> list[list[int]]:
    texts = [prompt.partition(TEXT_BEGIN)[2].removesuffix(PROMPT_END) for prompt in prompts]
    return tokenize(tokenizer, prompts, texts)


def _prefix_and_rests(tokens: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Return what rows of tokens begin with in common, and what follows in each: one token at least."""
    cut = min([len(row) - 1 for row in tokens] + [shared_length(tokens[0], row) for row in tokens[1:]])
    return tokens[0][:cut], [row[cut:][-MOST_TOKENS:] for row in tokens]


def _both(layers: Layers) -> "torch.Tensor":
    """Return both vectors of some rows, shape (rows, 2 · width)."""
    import torch

    depth = len(layers.states) - 1
    return torch.cat([layers.means(round(depth * 2 / 3)), layers.lasts(round(depth / 2))], dim=1)
