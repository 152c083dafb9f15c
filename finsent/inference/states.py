"""How a model reads texts: for each the mean of its last hidden layer over the text's tokens.

Each is read by itself, after one token that all begin with: what stands first draws attention and has a state of its
own kind (Xiao et al. 2024, attention sinks), so that it is not counted.
"""

from typing import TYPE_CHECKING

import numpy as np

from finsent.errors import ModelError
from finsent.inference.encoding import tokenize
from finsent.inference.packed_states import Group, read_packed
from finsent.inference.scoring import Report

if TYPE_CHECKING:
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
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    if start is None:
        raise ModelError("The model's tokenizer has no token for the beginning or the end of a text.")
    # A text of no tokens is read as the beginning alone.
    tokens = [ids[:MOST_TOKENS] or [start] for ids in tokenize(tokenizer, texts, texts)]
    groups = [Group([start], tokens, range(len(tokens)))]
    width = model.config.get_text_config().hidden_size
    return read_packed(model, groups, width, lambda layers: layers.means(-1), report, tokens_per_pass)
