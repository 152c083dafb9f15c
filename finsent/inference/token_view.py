"""One row as the model meets it: its tokens, which of them are supervised, which the packed batch shares."""

from typing import TYPE_CHECKING

import pandas as pd

from finsent.errors import ModelNotFoundError
from finsent.inference.encoding import encode_rows
from finsent.models.base import resolve_model, small_files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: Rows of the same system prompt that the shared prefix is found among.
COMPANIONS = 200
_UNLIMITED = 10**9
_VISIBLE = str.maketrans({" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍"})


def load_tokenizer(model: str) -> "PreTrainedTokenizerBase":
    """Return the tokenizer of a base model (see :data:`finsent.models.base.MODELS`), without its weights.

    Raises:
        ModelNotFoundError: no such model, or its tokenizer cannot be read.
        HubUnreachableError: the model is the hub's, and the hub does not answer.
    """
    from transformers import AutoTokenizer

    place = small_files(resolve_model(model))
    try:
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(f"The tokenizer in {place} cannot be read ({type(error).__name__}).") from error


def token_table(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, row_id: str) -> pd.DataFrame:
    """Return one line per token of a row: prompt, answer and end-of-sequence token.

    ``token`` is its text with spaces and line ends made visible; ``id`` its number; ``answer_loss`` and
    ``sequence_loss`` say whether the loss counts it (on the answer alone, on the whole sequence: there all but the
    first, which nothing precedes); ``shared`` whether it belongs to the prefix that is computed once for all rows of
    this system prompt, found here among up to 200 of them.

    Raises:
        KeyError: no row has that id.
        ModelError: the tokenizer has no end-of-sequence token.
    """
    chosen = rows[rows["row_id"] == row_id]
    if chosen.empty:
        raise KeyError(row_id)
    family = rows[(rows["system_prompt"] == chosen["system_prompt"].iloc[0]) & (rows["row_id"] != row_id)]
    encoded = encode_rows(tokenizer, pd.concat([chosen, family.head(COMPANIONS)], ignore_index=True), _UNLIMITED)[0]
    ids = encoded["input_ids"]
    place = pd.Series(range(len(ids)))
    return pd.DataFrame(
        {
            "token": [_visible(tokenizer, one) for one in ids],
            "id": ids,
            "answer_loss": place >= encoded["prompt_length"],
            "sequence_loss": place >= 1,
            "shared": place < encoded["prefix_length"] if len(family) else False,
        }
    )


def _visible(tokenizer: "PreTrainedTokenizerBase", token_id: int) -> str:
    text = str(tokenizer.decode([token_id], clean_up_tokenization_spaces=False))
    if not text or "\ufffd" in text:
        # Part of a character: only the tokenizer's own notation can show it.
        return str(tokenizer.convert_ids_to_tokens(token_id))
    return text.translate(_VISIBLE)
