"""Label scoring: the log-probability of every label in a row's answer set, for many rows at once.

A row's answer is the label of highest log-probability within the answer set that its prompt names, the score being
the sum over the label's tokens. The prompt's shared prefix is computed once and its keys and values reused; the rows'
rests are packed as a :class:`~finsent.models.packing.TokenTree`, and a label of several tokens adds a branch below its
row.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from finsent.inference.encoding import shared_length, split_choices
from finsent.inference.prefix import PrefixCache, begin
from finsent.labels import FIVE_LABELS, split_answers
from finsent.models.tree import TokenTree, attention_layout

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedTokenizerBase

    from finsent.inference.prefix import Model

#: Packed tokens in one forward pass: enough to keep the processor busy, few enough to bound the memory.
TOKENS_PER_PASS = {"cpu": 1024, "cuda": 8192}

Report = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class _Row:
    """A row to score: its place in the table, its prompt's tokens, and each label's own tokens."""

    place: int
    stem: list[int]
    branches: list[list[int]]


def score_labels(
    model: "Model",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
    tokens_per_pass: int | None = None,
    share: bool = False,
    prefixes: PrefixCache | None = None,
) -> pd.DataFrame:
    """Return the log-probability of each of the five labels for each row; NaN where it is not in the answer set.

    ``rows`` needs the columns ``prompt``, ``system_prompt`` and ``answers``. The result has the columns
    ``logp_negative`` ... ``logp_positive`` (natural logarithm, sum over the label's tokens) and the rows' index.
    ``report(done, total)`` is called after each forward pass and may raise to stop the work. The model and the
    tokenizer are left as they were. With ``share``, what some texts begin with in common is computed once, too: for
    many variants of a text. ``prefixes`` keeps what prompts begin with until the next call, for few texts at a time.
    The scores are the same but for rounding.
    """
    import torch

    budget = tokens_per_pass or TOKENS_PER_PASS[model.device.type]
    scores = np.full((len(rows), len(FIVE_LABELS)), np.nan)
    was_training = model.training
    model.train(False)
    done = 0
    try:
        with torch.inference_mode():
            for places in rows.groupby(["system_prompt", "answers"], sort=False).indices.values():
                labels = split_answers(rows["answers"].iloc[places[0]])
                columns = [FIVE_LABELS.index(label) for label in labels]
                choices = split_choices(tokenizer, rows["prompt"].iloc[places].tolist(), labels)
                group = [_Row(int(place), *choice) for place, choice in zip(places, choices, strict=True)]
                stems = [row.stem for row in group]
                first = rows.iloc[places[0]]
                cut, cache = prefixes.begin(model, tokenizer, first, stems) if prefixes else begin(model, stems)
                for batch, values in _score_group(model, group, budget, share, cut, cache):
                    scores[np.ix_([row.place for row in batch], columns)] = values
                    done += len(batch)
                    if report is not None:
                        report(done, len(rows))
    finally:
        model.train(was_training)
    return pd.DataFrame(scores, columns=[f"logp_{label}" for label in FIVE_LABELS], index=rows.index)


def _score_group(
    model: "Model", group: list[_Row], budget: int, share: bool, cut: int, cache: "DynamicCache"
) -> Iterator[tuple[list[_Row], np.ndarray]]:
    """Yield batches of rows of one system prompt, and their scores, shape (rows, labels).

    ``cache`` holds the keys and values of their first ``cut`` tokens, which all share.
    """
    for batch in _shared_batches(group, cut, budget) if share else _batches(group, cut, budget):
        yield batch, _score_batch(model, batch, group[0].stem[:cut], cache, share)
        cache.crop(cut - cache.get_seq_length())


def _batches(group: list[_Row], cut: int, budget: int) -> Iterator[list[_Row]]:
    def size(row: _Row) -> int:
        return len(row.stem) - cut + sum(len(branch) - 1 for branch in row.branches)

    return in_batches(sorted(group, key=lambda row: len(row.stem)), size, budget)


def in_batches(rows: Iterable[T], size: Callable[[T], int], budget: int) -> Iterator[list[T]]:
    """Yield rows in their order, as many at a time as fit into a budget of tokens, and at least one."""
    batch: list[T] = []
    tokens = 0
    for row in rows:
        if batch and tokens + size(row) > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += size(row)
    if batch:
        yield batch


def _shared_batches(group: list[_Row], cut: int, budget: int) -> Iterator[list[_Row]]:
    """As :func:`_batches`, with rows beside one another that begin alike, whose beginning counts once."""
    batch: list[_Row] = []
    tokens = 0
    for row in sorted(group, key=lambda row: row.stem):
        shared = shared_length(batch[-1].stem, row.stem) if batch else cut
        extra = sum(len(branch) - 1 for branch in row.branches)
        if batch and tokens + len(row.stem) - shared + extra > budget:
            yield batch
            batch, tokens, shared = [], 0, cut
        batch.append(row)
        tokens += len(row.stem) - shared + extra
    if batch:
        yield batch


def _score_batch(
    model: "Model", batch: list[_Row], prefix: list[int], cache: "DynamicCache", share: bool = False
) -> np.ndarray:
    import torch
    from accelerate.utils import send_to_device

    cut = len(prefix)
    tree = TokenTree()
    root = tree.add(prefix) if prefix else -1
    predictors: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    shared = tree.add_shared([row.stem[cut:] for row in batch], root) if share else []
    for number, row in enumerate(batch):
        stem = shared[number] if share else tree.add(row.stem[cut:], root)
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
        tree=send_to_device(attention_layout(tree, model.dtype, device.type, cached=cut), device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=(needed - cut).to(device),
    ).logits[0]
    log_probabilities = logits.float().log_softmax(-1)[which.to(device), torch.tensor(targets, device=device)].cpu()
    labels = len(batch[0].branches)
    sums = torch.zeros(len(batch) * labels, dtype=log_probabilities.dtype)
    sums.index_add_(0, torch.tensor(owners), log_probabilities)
    return sums.view(len(batch), labels).double().numpy()
