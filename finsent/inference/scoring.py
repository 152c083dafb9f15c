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

from finsent.inference.encoding import shared_length, split_choices, texts_of
from finsent.inference.prefix import PrefixCache, begin
from finsent.labels import FIVE_LABELS, split_answers
from finsent.models.sides import sides_of
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
    (scores,) = _score(_Scorer(model, tokenizer, share, prefixes), rows, report, tokens_per_pass)
    return scores


def score_both(
    model: "Model",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    prefixes: PrefixCache,
    report: Report | None = None,
    share: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what :func:`score_labels` does by a base model, and by it with its adapter, which is switched on.

    Both are computed in one pass (see :mod:`finsent.models.sides`). ``prefixes`` has two sides.
    """
    baseline, tuned = _score(_Scorer(model, tokenizer, share, prefixes), rows, report, None)
    return baseline, tuned


@dataclass(frozen=True)
class _Scorer:
    """What scores: a model, or where ``prefixes`` have two sides a base model and its adapter, and how."""

    model: "Model"
    tokenizer: "PreTrainedTokenizerBase"
    share: bool
    prefixes: PrefixCache | None

    @property
    def sides(self) -> int:
        """How many models score."""
        return self.prefixes.sides if self.prefixes else 1

    def begin(self, row: pd.Series, stems: list[list[int]]) -> "tuple[int, DynamicCache]":
        """Return how many first tokens all stems share, and a cache of these."""
        if self.prefixes:
            return self.prefixes.begin(self.model, self.tokenizer, row, stems)
        return begin(self.model, stems)


def _score(
    scorer: _Scorer, rows: pd.DataFrame, report: Report | None, tokens_per_pass: int | None
) -> list[pd.DataFrame]:
    """Return the scores of each side; see :func:`score_labels`."""
    import torch

    model = scorer.model
    budget = (tokens_per_pass or TOKENS_PER_PASS[model.device.type]) // scorer.sides
    scores = np.full((scorer.sides, len(rows), len(FIVE_LABELS)), np.nan)
    was_training = model.training
    model.train(False)
    done = 0
    try:
        with torch.inference_mode():
            for places in rows.groupby(["system_prompt", "answers"], sort=False).indices.values():
                labels = split_answers(rows["answers"].iloc[places[0]])
                columns = [FIVE_LABELS.index(label) for label in labels]
                part = rows.iloc[places]
                choices = split_choices(scorer.tokenizer, part["prompt"].tolist(), labels, texts_of(part))
                group = [_Row(int(place), *choice) for place, choice in zip(places, choices, strict=True)]
                cut, cache = scorer.begin(rows.iloc[places[0]], [row.stem for row in group])
                for batch, values in _score_group(scorer, group, budget, cut, cache):
                    scores[np.ix_(range(scorer.sides), [row.place for row in batch], columns)] = values
                    done += len(batch)
                    if report is not None:
                        report(done, len(rows))
    finally:
        model.train(was_training)
    names = [f"logp_{label}" for label in FIVE_LABELS]
    return [pd.DataFrame(side, columns=names, index=rows.index) for side in scores]


def _score_group(
    scorer: _Scorer, group: list[_Row], budget: int, cut: int, cache: "DynamicCache"
) -> Iterator[tuple[list[_Row], np.ndarray]]:
    """Yield batches of rows of one system prompt, and their scores, shape (sides, rows, labels).

    ``cache`` holds the keys and values of their first ``cut`` tokens, which all share.
    """
    for batch in _shared_batches(group, cut, budget) if scorer.share else _batches(group, cut, budget):
        yield batch, _score_batch(scorer, batch, group[0].stem[:cut], cache)
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


def _score_batch(scorer: _Scorer, batch: list[_Row], prefix: list[int], cache: "DynamicCache") -> np.ndarray:
    import torch
    from accelerate.utils import send_to_device

    model, sides, cut = scorer.model, scorer.sides, len(prefix)
    tree = TokenTree()
    root = tree.add(prefix) if prefix else -1
    predictors: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    shared = tree.add_shared([row.stem[cut:] for row in batch], root) if scorer.share else []
    for number, row in enumerate(batch):
        stem = shared[number] if scorer.share else tree.add(row.stem[cut:], root)
        for label, branch in enumerate(row.branches):
            predictors.extend(tree.add_branch(branch, stem))
            targets.extend(branch)
            owners.extend([number * len(row.branches) + label] * len(branch))
    tree.fill_up(cached=cut)
    device = model.device
    needed, which = torch.unique(torch.tensor(predictors), return_inverse=True)
    with sides_of(model, sides):
        logits = model(
            input_ids=torch.tensor([tree.tokens[cut:]] * sides, device=device),
            position_ids=torch.tensor([tree.positions[cut:]] * sides, device=device),
            # A mask of four dimensions is taken as it is; what is visible stands in the tree.
            attention_mask=torch.zeros(1, 1, 1, 1, device=device),
            tree=send_to_device(attention_layout(tree, model.dtype, device.type, cached=cut), device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=(needed - cut).to(device),
        ).logits
    chosen = logits.float().log_softmax(-1)[:, which.to(device), torch.tensor(targets, device=device)].cpu()
    labels = len(batch[0].branches)
    sums = torch.zeros(sides, len(batch) * labels, dtype=chosen.dtype)
    sums.index_add_(1, torch.tensor(owners), chosen)
    return sums.view(sides, len(batch), labels).double().numpy()
