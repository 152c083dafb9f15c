"""How a model reads prompts: what it holds of each one's own part, from its text to the place of the answer.

Two vectors a prompt, one after the other: the mean over the tokens of its own part two thirds of the way up the layers,
and the last token's half of the way up, where what the answer will be takes shape; the last layers are about its
wording. What all prompts of a system prompt begin with is read with them and not counted. Prompts are packed as in
:mod:`finsent.inference.scoring`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.inference.encoding import shared_length, tokenize
from finsent.inference.scoring import TOKENS_PER_PASS, Report, in_batches
from finsent.models.tree import TokenTree, attention_layout
from finsent.prompts import TEXT_BEGIN

if TYPE_CHECKING:
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
    import torch

    states = np.zeros((len(prompts), 2 * model.config.get_text_config().hidden_size), dtype=np.float32)
    groups = [
        (*_prefix_and_rests(tokenize(tokenizer, [prompts[place] for place in places])), places)
        for places in _by_beginning(prompts)
    ]
    done, total = 0, sum(len(rest) for _, rests, _ in groups for rest in rests)
    report = report or (lambda done, total: None)
    report(done, total)
    budget = tokens_per_pass or TOKENS_PER_PASS[model.device.type]
    was_training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            for prefix, rests, places in groups:
                numbered = sorted(zip(places, rests, strict=True), key=lambda one: len(one[1]))
                for batch in in_batches(numbered, lambda one: len(one[1]), budget):
                    rows = [rest for _, rest in batch]
                    states[[place for place, _ in batch]] = _read(model, prefix, rows)
                    done += sum(map(len, rows))
                    report(done, total)
    finally:
        model.train(was_training)
    return states


def _by_beginning(prompts: list[str]) -> list[np.ndarray]:
    """Return the places of the prompts of each system prompt."""
    beginnings = [prompt.partition(TEXT_BEGIN)[0] for prompt in prompts]
    return [np.asarray(places) for places in pd.Series(beginnings).groupby(beginnings, sort=False).indices.values()]


def _prefix_and_rests(tokens: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Return what rows of tokens begin with in common, and what follows in each: one token at least."""
    cut = min([len(row) - 1 for row in tokens] + [shared_length(tokens[0], row) for row in tokens[1:]])
    return tokens[0][:cut], [row[cut:][-MOST_TOKENS:] for row in tokens]


def _read(model: "PreTrainedModel", prefix: list[int], rows: list[list[int]]) -> np.ndarray:
    """Return both vectors of some rows that follow a prefix, shape (rows, 2 · width), from one forward pass."""
    import torch
    from accelerate.utils import send_to_device

    tree = TokenTree()
    root = tree.add(prefix) if prefix else -1
    segments = [tree.add(row, root) for row in rows]
    ends = [tree.ends[segment] for segment in segments]
    tree.fill_up()
    device = model.device
    layers = model.get_decoder()(
        input_ids=torch.tensor([tree.tokens], device=device),
        position_ids=torch.tensor([tree.positions], device=device),
        # A mask of four dimensions is taken as it is; what is visible stands in the tree.
        attention_mask=torch.zeros(1, 1, 1, 1, device=device),
        tree=send_to_device(attention_layout(tree, model.dtype, device.type), device),
        use_cache=False,
        output_hidden_states=True,
    ).hidden_states
    depth = len(layers) - 1
    whole, last = layers[round(depth * 2 / 3)][0].float(), layers[round(depth / 2)][0].float()
    sums = torch.zeros(len(tree.parents), whole.shape[1], device=device)
    sums.index_add_(0, torch.tensor(tree.segments, device=device), whole)
    counts = torch.tensor([len(row) for row in rows], device=device)
    both = torch.cat([sums[segments] / counts[:, None], last[ends]], dim=1)
    read: np.ndarray = both.cpu().numpy()
    return read
