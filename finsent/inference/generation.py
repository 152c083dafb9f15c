"""Generated answers: what a model writes after the prompt, as the tutorial asks it, and the label that this states.

Greedy decoding in batches padded on the left. An answer that states no label of its answer set is ``invalid`` (see
:func:`finsent.labels.parse_answer`).
"""

import copy
from typing import TYPE_CHECKING, Any

import pandas as pd

from finsent.inference.encoding import texts_of, tokenize
from finsent.inference.plain import special_names
from finsent.inference.scoring import Report
from finsent.labels import parse_answer, split_answers

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

#: The longest label has four tokens in the tokenizers seen; the rest shows how an answer that is no label goes on.
NEW_TOKENS = 8
BATCH = {"cpu": 8, "cuda": 64}


def generate_answers(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
) -> pd.DataFrame:
    """Return the columns ``generated`` (the text, without special tokens) and ``generated_label``, with rows' index.

    ``report(done, total)`` is called after each batch and may raise to stop the work. The tokenizer's padding side is
    left as it was: a change of it would shift the labels of a training that follows.
    """
    import torch

    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    batch_size = BATCH[model.device.type]
    order = rows["prompt"].str.len().to_numpy().argsort(kind="stable")
    texts = [""] * len(rows)
    # It comes from a mixin that PreTrainedModel's type does not name.
    write: Any = model.generate
    was_training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                places = order[start : start + batch_size]
                batch = _padded(left, rows.iloc[places]).to(model.device)
                output = write(**batch, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=left.pad_token_id)
                answers = left.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
                for place, answer in zip(places, answers, strict=True):
                    texts[place] = answer
                if report is not None:
                    report(start + len(places), len(rows))
    finally:
        model.train(was_training)
    labels = [parse_answer(text, split_answers(cell)) for text, cell in zip(texts, rows["answers"], strict=True)]
    return pd.DataFrame({"generated": texts, "generated_label": labels}, index=rows.index)


def _padded(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame) -> "BatchEncoding":
    prompts, texts = rows["prompt"].tolist(), texts_of(rows)
    if texts and any(map(special_names(tokenizer).search, texts)):
        ids = {"input_ids": tokenize(tokenizer, prompts, texts)}
        padded: BatchEncoding = tokenizer.pad(ids, return_tensors="pt", padding=True)
    else:
        padded = tokenizer(prompts, return_tensors="pt", padding=True)
    return padded
