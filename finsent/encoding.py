"""Rows as tokens: the prompt, the completion, the end-of-sequence token, and where the shared prefix ends.

Prompts and completions are tokenised together, as the model will meet them, and boundaries are found on token ids,
since a tokenizer may merge across the boundary of two strings.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from finsent.errors import DataError, ModelError
from finsent.packing import common_prefix_length
from finsent.prompts import completion

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_rows(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, max_length: int) -> list[dict[str, Any]]:
    """Return one record per row of a data table for training.

    Each has ``input_ids`` (prompt, completion, end-of-sequence token), ``prompt_length`` (the index of the first token
    of the completion) and ``prefix_length`` (first tokens shared with every other row of its system prompt).

    Raises:
        DataError: a row is longer than ``max_length`` tokens, so that its answer would be cut off.
        ModelError: the tokenizer has no end-of-sequence token.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError("The model's tokenizer has no end-of-sequence token, which the answer must end with.")
    prompts = tokenize(tokenizer, rows["prompt"].tolist())
    texts = [prompt + completion(label) for prompt, label in zip(rows["prompt"], rows["label"], strict=True)]
    wholes = [ids + [tokenizer.eos_token_id] for ids in tokenize(tokenizer, texts)]
    _check_length(rows, wholes, max_length)
    prompt_lengths = [shared_length(prompt, whole) for prompt, whole in zip(prompts, wholes, strict=True)]
    prefix_lengths = pd.Series(0, index=range(len(rows)))
    for places in rows.groupby("system_prompt", sort=False).indices.values():
        prefix_lengths.iloc[places] = common_prefix_length([wholes[i][: prompt_lengths[i]] for i in places])
    return [
        {"input_ids": whole, "prompt_length": prompt_length, "prefix_length": int(prefix_length)}
        for whole, prompt_length, prefix_length in zip(wholes, prompt_lengths, prefix_lengths, strict=True)
    ]


def tokenize(tokenizer: "PreTrainedTokenizerBase", texts: list[str]) -> list[list[int]]:
    """Return the token ids of each text, neither padded nor cut; the tokenizer's own settings stay untouched."""
    return tokenizer(texts, padding=False, truncation=False, return_attention_mask=False)["input_ids"]


def shared_length(first: list[int], second: list[int]) -> int:
    """Return how many first tokens two sequences share."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))


def _check_length(rows: pd.DataFrame, wholes: list[list[int]], max_length: int) -> None:
    longest = max(range(len(wholes)), key=lambda i: len(wholes[i]))
    if len(wholes[longest]) > max_length:
        over = sum(len(whole) > max_length for whole in wholes)
        raise DataError(
            f"{over} of {len(rows)} rows are longer than max_length ({max_length} tokens); the longest, row "
            f"{rows['row_id'].iloc[longest]}, has {len(wholes[longest])}. Its answer would be cut off. "
            f"Set max_length to {len(wholes[longest])} or more, or remove such rows."
        )
