"""Rows as tokens: the prompt, the completion, the end-of-sequence token, and where the shared prefix ends.

Prompts and completions are tokenised together, as the model will meet them, and boundaries are found on token ids,
since a tokenizer may merge across the boundary of two strings.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from finsent.errors import DataError, ModelError
from finsent.inference.plain import read_plainly, special_names
from finsent.labels import split_answers
from finsent.models.tree import common_prefix_length
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
    texts = texts_of(rows)
    prompts = tokenize(tokenizer, rows["prompt"].tolist(), texts)
    answered = [prompt + completion(label) for prompt, label in zip(rows["prompt"], rows["label"], strict=True)]
    wholes = [ids + [tokenizer.eos_token_id] for ids in tokenize(tokenizer, answered, texts)]
    _check_length(rows, wholes, max_length)
    prompt_lengths = [shared_length(prompt, whole) for prompt, whole in zip(prompts, wholes, strict=True)]
    prefixes = _prefix_lengths(rows, [whole[:length] for whole, length in zip(wholes, prompt_lengths, strict=True)])
    return [
        {"input_ids": whole, "prompt_length": prompt_length, "prefix_length": prefix_length}
        for whole, prompt_length, prefix_length in zip(wholes, prompt_lengths, prefixes, strict=True)
    ]


def encode_choices(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, max_length: int) -> list[dict[str, Any]]:
    """Return one record per row of a data table for training within the row's answer set.

    Each has ``input_ids`` (the tokens before the answer), ``branches`` (each label's own tokens, in the answer set's
    order), ``gold`` (the index of the right one) and ``prefix_length`` as in :func:`encode_rows`.

    Raises:
        DataError: a row with its answer is longer than ``max_length`` tokens.
    """
    records: list[dict[str, Any]] = [{}] * len(rows)
    for answers, places in rows.groupby("answers", sort=False).indices.items():
        labels = split_answers(str(answers))
        part = rows.iloc[places]
        choices = split_choices(tokenizer, part["prompt"].tolist(), labels, texts_of(part))
        for place, (stem, branches) in zip(places, choices, strict=True):
            gold = labels.index(rows["label"].iloc[place])
            records[place] = {"input_ids": stem, "branches": branches, "gold": gold}
    _check_length(rows, [one["input_ids"] + one["branches"][one["gold"]] for one in records], max_length)
    prefixes = _prefix_lengths(rows, [one["input_ids"] for one in records])
    return [one | {"prefix_length": prefix} for one, prefix in zip(records, prefixes, strict=True)]


def split_choices(
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[str],
    labels: tuple[str, ...],
    texts: list[str] | None = None,
) -> list[tuple[list[int], list[list[int]]]]:
    """Return for each prompt the tokens before its answer, and each label's own tokens after these.

    Where the tokenizer merges across the prompt's end, the former end before the merged token. ``texts`` as in
    :func:`tokenize`.
    """
    wholes = [tokenize(tokenizer, [prompt + completion(label) for prompt in prompts], texts) for label in labels]
    choices = []
    for prompt, *sequences in zip(tokenize(tokenizer, prompts, texts), *wholes, strict=True):
        cut = min(shared_length(prompt, sequence) for sequence in sequences)
        choices.append((prompt[:cut], [sequence[cut:] for sequence in sequences]))
    return choices


def _prefix_lengths(rows: pd.DataFrame, stems: list[list[int]]) -> list[int]:
    """Return how many first tokens each row's stem shares with those of all other rows of its system prompt."""
    lengths = [0] * len(rows)
    for places in rows.groupby("system_prompt", sort=False).indices.values():
        shared = common_prefix_length([stems[place] for place in places])
        for place in places:
            lengths[place] = shared
    return lengths


def texts_of(rows: pd.DataFrame) -> list[str] | None:
    """Return the texts that stand in the prompts of rows of a data table; None where rows are prompts alone."""
    return rows["text"].tolist() if "text" in rows else None


def tokenize(
    tokenizer: "PreTrainedTokenizerBase", wholes: list[str], texts: list[str] | None = None
) -> list[list[int]]:
    """Return the token ids of each prompt, neither padded nor cut; the tokenizer's own settings stay untouched.

    ``texts`` are what others wrote of each: names of special tokens in them are plain letters
    (:mod:`finsent.inference.plain`).
    """
    encoded: list[list[int]] = tokenizer(wholes, padding=False, truncation=False, return_attention_mask=False)[
        "input_ids"
    ]
    names = special_names(tokenizer)
    for place, text in enumerate(texts or []):
        if names.search(text):
            encoded[place] = read_plainly(tokenizer, names, wholes[place], text)
    return encoded


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
