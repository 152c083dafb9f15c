"""How a model reads texts: for each the mean of its last hidden layer over the text's tokens.

Texts are packed as in :mod:`finsent.inference.scoring`. Each is read by itself, after one token that all begin with:
what stands first draws attention and has a state of its own kind (Xiao et al. 2024, attention sinks), so that it is not
counted.
"""

from typing import TYPE_CHECKING

import numpy as np

from finsent.errors import ModelError
from finsent.inference.encoding import tokenize
from finsent.inference.scoring import TOKENS_PER_PASS, Report, in_batches
from finsent.models.tree import TokenTree, attention_layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Tokens of a text that are read; a headline has about 25.
MOST_TOKENS = 256
#: How texts are read, in words that change with it: states that were kept of another way are not these.
READING = f"mean of the last layer over a text's first {MOST_TOKENS} tokens, each text after one beginning token"


def mean_states(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: list[str],
    report: Report | None = None,
    tokens_per_pass: int | None = None,
) -> np.ndarray:
    """Return the mean hidden state of each text, shape (texts, width), float32.

    Of each text the first :data:`MOST_TOKENS` tokens are read. ``report(done, total)`` counts tokens, is called
    before the first forward pass and after each, and may raise to stop the work. The model is left as it was.

    Raises:
        ModelError: the tokenizer has no token that a text could begin with.
    """
    import torch

    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    if start is None:
        raise ModelError("The model's tokenizer has no token for the beginning or the end of a text.")
    # A text of no tokens is read as the beginning alone.
    tokens = [ids[:MOST_TOKENS] or [start] for ids in tokenize(tokenizer, texts)]
    states = np.zeros((len(texts), model.config.get_text_config().hidden_size), dtype=np.float32)
    done, total = 0, sum(map(len, tokens))
    report = report or (lambda done, total: None)
    report(done, total)
    was_training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            places = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
            budget = tokens_per_pass or TOKENS_PER_PASS[model.device.type]
            for batch in in_batches(places, lambda place: len(tokens[place]), budget):
                rows = [tokens[place] for place in batch]
                states[batch] = _read(model, start, rows).cpu().numpy()
                done += sum(map(len, rows))
                report(done, total)
    finally:
        model.train(was_training)
    return states


def _read(model: "PreTrainedModel", start: int, rows: list[list[int]]) -> "torch.Tensor":
    """Return the mean states of some rows of tokens, shape (rows, width), from one forward pass."""
    import torch
    from accelerate.utils import send_to_device

    tree = TokenTree()
    root = tree.add([start])
    segments = [tree.add(row, root) for row in rows]
    tree.fill_up()
    device = model.device
    hidden = model.get_decoder()(
        input_ids=torch.tensor([tree.tokens], device=device),
        position_ids=torch.tensor([tree.positions], device=device),
        # A mask of four dimensions is taken as it is; what is visible stands in the tree.
        attention_mask=torch.zeros(1, 1, 1, 1, device=device),
        tree=send_to_device(attention_layout(tree, model.dtype, device.type), device),
        use_cache=False,
    ).last_hidden_state[0]
    sums = torch.zeros(len(tree.parents), hidden.shape[1], device=device)
    sums.index_add_(0, torch.tensor(tree.segments, device=device), hidden.float())
    counts = torch.tensor([len(row) for row in rows], device=device)
    return sums[segments] / counts[:, None]
