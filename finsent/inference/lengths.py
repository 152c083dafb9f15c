"""How long rows are in a model's tokens, and how many a limit would cut."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.inference.encoding import texts_of, tokenize
from finsent.prompts import completion

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_AT_A_TIME = 2_000


def token_lengths(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame) -> np.ndarray:
    """Return the tokens of each row of a data table: prompt, answer and end-of-sequence token, as it is trained on."""
    wholes = [prompt + completion(label) for prompt, label in zip(rows["prompt"], rows["label"], strict=True)]
    texts = texts_of(rows)
    lengths = [
        len(ids) + 1
        for some in (slice(start, start + _AT_A_TIME) for start in range(0, len(wholes), _AT_A_TIME))
        for ids in tokenize(tokenizer, wholes[some], texts and texts[some])
    ]
    return np.array(lengths, dtype=int)


def limit_table(lengths: np.ndarray, limits: tuple[int, ...] = (64, 128, 256, 512, 1_024)) -> pd.DataFrame:
    """Return ``limit, rows, share``: how many rows are longer than each limit, of all of them."""
    over = [int((lengths > limit).sum()) for limit in limits]
    return pd.DataFrame({"limit": limits, "rows": over, "share": [one / max(len(lengths), 1) for one in over]})
