"""Label scoring: the log-probability of every label in a row's answer set, for many rows at once.

A row's answer is the label of highest log-probability within the answer set that its prompt names, the score being
the sum over the label's tokens. The prompt's shared prefix is computed once and its keys and values reused; the rows'
rests are packed as a :class:`~finsent.packing.TokenTree`, and a label of several tokens adds a branch below its row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.encoding import lengths_before_text, split_choices
from finsent.labels import FIVE_LABELS, split_answers
from finsent.packing import TokenTree, common_prefix_length
from finsent.recipes import Attention

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Packed tokens in one forward pass: enough to keep the processor busy, few enough to bound the memory.
TOKENS_PER_PASS = {"cpu": 1024, "cuda": 8192}

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class _Row:
    """A row to score: its place in the table, its prompt's tokens, and each label's own tokens."""

    place: int
    stem: list[int]
    branches: list[list[int]]


def score_labels(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
    tokens_per_pass: int | None = None,
    *,
    attention: Attention,
) -> pd.DataFrame:
    """Return the log-probability of each of the five labels for each row; NaN where it is not in the answer set.

    ``rows`` needs the columns ``prompt``, ``system_prompt`` and ``answers``. The result has the columns
    ``logp_negative`` ... ``logp_positive`` (natural logarithm, sum over the label's tokens) and the rows' index.
    ``report(done, total)`` is called after each forward pass and may raise to stop the work. ``attention`` is what the
    model was trained with. The model and the tokenizer are left as they were.
    """
    import torch

    budget = tokens_per_pass or TOKENS_PER_PASS[model.device.type]
    scores = np.full((len(rows), len(FIVE_LABELS)), np.nan)
    was_training = model.training
    model.eval()
    done = 0
    try:
        with torch.inference_mode():
            for (_, answers), places in rows.groupby(["system_prompt", "answers"], sort=False).indices.items():
                labels = split_answers(answers)
                columns = [FIVE_LABELS.index(label) for label in labels]
                choices = split_choices(tokenizer, rows["prompt"].iloc[places].tolist(), labels)
                group = [_Row(int(place), *choice) for place, choice in zip(places, choices, strict=True)]
                for cut, part in _by_prefix(tokenizer, rows.iloc[places], group, attention).items():
                    for batch, values in _score_group(model, part, cut, attention == "prefix", budget):
                        scores[np.ix_([row.place for row in batch], columns)] = values
                        done += len(batch)
                        if report is not None:
                            report(done, len(rows))
    finally:
        model.train(was_training)
    return pd.DataFrame(scores, columns=[f"logp_{label}" for label in FIVE_LABELS], index=rows.index)


def _by_prefix(
    tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, group: list[_Row], attention: Attention
) -> dict[int, list[_Row]]:
    """Return the rows of one system prompt by how many first tokens are computed once for all of them."""
    stems = [row.stem for row in group]
    if attention == "causal":
        return {common_prefix_length(stems): group}
    parts: dict[int, list[_Row]] = {}
    for cut, row in zip(lengths_before_text(tokenizer, rows, stems), group, strict=True):
        parts.setdefault(cut, []).append(row)
    return parts


def _score_group(
    model: "PreTrainedModel", group: list[_Row], cut: int, mutual: bool, budget: int
) -> Iterator[tuple[list[_Row], np.ndarray]]:
    """Yield batches of rows of one prefix, ``cut`` tokens long, and their scores, shape (rows, labels)."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    if cut:
        prefix = torch.tensor([group[0].stem[:cut]], device=model.device)
        model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
    for batch in _batches(group, cut, budget):
        yield batch, _score_batch(model, batch, group[0].stem[:cut], mutual, cache)
        cache.crop(cut - cache.get_seq_length())


def _batches(group: list[_Row], cut: int, budget: int) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    tokens = 0
    for row in sorted(group, key=lambda row: len(row.stem)):
        size = len(row.stem) - cut + sum(len(branch) - 1 for branch in row.branches)
        if batch and tokens + size > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += size
    if batch:
        yield batch


def _score_batch(
    model: "PreTrainedModel", batch: list[_Row], prefix: list[int], mutual: bool, cache: "object"
) -> np.ndarray:
    import torch
    from accelerate.utils import send_to_device

    from finsent.attention import tree_layout

    cut = len(prefix)
    tree = TokenTree()
    root = tree.add(prefix) if prefix else -1
    predictors: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    for number, row in enumerate(batch):
        stem = tree.add(row.stem[cut:], root, mutual)
        for label, branch in enumerate(row.branches):
            predictors.extend(tree.add_branch(branch, stem))
            targets.extend(branch)
            owners.extend([number * len(row.branches) + label] * len(branch))
    tree.fill_up(cached=cut)
    device = model.device
    needed, which = torch.unique(torch.tensor(predictors), return_inverse=True)
    logits = model(
        input_ids=torch.tensor([tree.tokens[cut:]], device=device),
        position_ids=torch.tensor([tree.positions[cut:]], device=device),
        # A mask of four dimensions is taken as it is; what is visible stands in the tree.
        attention_mask=torch.zeros(1, 1, 1, 1, device=device),
        tree=send_to_device(tree_layout(tree, model.dtype, cached=cut), device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=(needed - cut).to(device),
    ).logits[0]
    log_probabilities = logits.float().log_softmax(-1)[which.to(device), torch.tensor(targets, device=device)].cpu()
    labels = len(batch[0].branches)
    sums = torch.zeros(len(batch) * labels, dtype=log_probabilities.dtype)
    sums.index_add_(0, torch.tensor(owners), log_probabilities)
    return sums.view(len(batch), labels).double().numpy()
