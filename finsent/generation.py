"""Generated answers: what a model writes after the prompt, as the tutorial asks it, and the label that this states.

Greedy decoding in batches padded on the left. An answer that states no label of its answer set is ``invalid`` (see
:func:`finsent.labels.parse_answer`).
"""

import copy
from typing import TYPE_CHECKING

import pandas as pd

from finsent.encoding import lengths_before_text
from finsent.labels import parse_answer, split_answers
from finsent.packing import mutual_tokens
from finsent.recipes import Attention
from finsent.scoring import Report

if TYPE_CHECKING:
    from transformers import BatchEncoding, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

#: The longest label has four tokens in the tokenizers seen; the rest shows how an answer that is no label goes on.
NEW_TOKENS = 8
BATCH = {"cpu": 8, "cuda": 64}


def generate_answers(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
    *,
    attention: Attention,
) -> pd.DataFrame:
    """Return the columns ``generated`` (the text, without special tokens) and ``generated_label``, with rows' index.

    ``report(done, total)`` is called after each batch and may raise to stop the work. ``attention`` is what the model
    was trained with; prefix attention needs the column ``system_prompt``. The tokenizer's padding side is
    left as it was: a change of it would shift the labels of a training that follows.
    """
    import torch

    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    batch_size = BATCH[model.device.type]
    order = rows["prompt"].str.len().to_numpy().argsort(kind="stable")
    texts = [""] * len(rows)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                places = order[start : start + batch_size]
                batch = left(rows["prompt"].iloc[places].tolist(), return_tensors="pt", padding=True).to(model.device)
                if attention == "prefix":
                    batch["past_key_values"] = _prompt_cache(model, left, rows.iloc[places], batch)
                output = model.generate(
                    **batch, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=left.pad_token_id
                )
                answers = left.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
                for place, answer in zip(places, answers, strict=True):
                    texts[place] = answer
                if report is not None:
                    report(start + len(places), len(rows))
    finally:
        model.train(was_training)
    labels = [parse_answer(text, split_answers(cell)) for text, cell in zip(texts, rows["answers"], strict=True)]
    return pd.DataFrame({"generated": texts, "generated_label": labels}, index=rows.index)


def _prompt_cache(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, batch: "BatchEncoding"
) -> "DynamicCache":
    """Return the keys and values of all but the last token of prompts padded on the left, in which texts see all of
    themselves; generation goes on from there, causally."""
    import torch
    from transformers import DynamicCache

    from finsent.attention import additive_mask, visible_tokens

    real = batch["attention_mask"].bool()
    length = real.shape[1]
    stems = [ids[kept].tolist() for ids, kept in zip(batch["input_ids"], real, strict=True)]
    seen = []
    for stem, cut in zip(stems, lengths_before_text(tokenizer, rows, stems), strict=True):
        start = length - len(stem) + cut
        seen.append(visible_tokens(length, start, start + mutual_tokens(stem[cut:])))
    # Padding sees itself, since a row of nothing has no softmax; nobody sees padding.
    itself = torch.eye(length, dtype=torch.bool, device=real.device)
    mask = additive_mask(torch.stack(seen).to(real.device) & (real[:, None] | itself), model.dtype)
    cache = DynamicCache(config=model.config)
    model(
        input_ids=batch["input_ids"][:, :-1],
        position_ids=(real.long().cumsum(1) - 1).clamp(min=0)[:, :-1],
        attention_mask=mask[:, None, :-1, :-1],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return cache
