"""The verdict on two models that answered the same rows, as one value: what got better, what got worse, how sure, and
on what rows. :mod:`finsent.metrics.wording` has its words; page, report and command line show the same ones.

A figure got better or worse only where the 95 % interval of its difference leaves 0 out, and accuracy only where
McNemar's exact test agrees. The tone follows the whole: a gain in accuracy that is paid for elsewhere is mixed, and so
is a figure that moved where accuracy is not settled.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd

from finsent.data.corrections import NO_FLAGS, Flags
from finsent.labels import NEUTRAL
from finsent.metrics.classification import called_positive, class_view, compare_predictions
from finsent.metrics.figures import Difference, McNemar, Overlap, Pieces, ReferenceFigures
from finsent.metrics.statistics import CONFIDENCE, Numbers, mcnemar, overlapping_difference, paired_difference

#: Below this many rows a verdict says so in its first sentence.
FEW_ROWS = 50
#: The names of the two sides where they are a run's own models.
BASELINE, TUNED = "baseline", "fine-tuned"
#: And where they are a run and the one that it continues: their own names often differ in a number alone.
PARENT, CHILD = "its parent", "this run"

Tone = Literal["good", "mixed", "bad", "none"]
Kind = Literal["better", "worse", "unsettled"]


@dataclass(frozen=True)
class Change:
    """A figure of both sides: ``accuracy``, ``macro_f1``, ``neutral_as_positive``, or ``recall`` or ``precision`` of a
    ``label``; ``difference`` is second minus first.

    ``p`` is that of McNemar's exact test where the figure is a share of the same rows for both sides, else None.
    """

    figure: str
    label: str | None
    before: float | None
    after: float | None
    difference: Difference
    p: float | None

    @property
    def gain(self) -> int:
        """1 where the figure got better beyond its interval, -1 where it got worse, else 0."""
        if not self.difference.settled or self.difference.value is None:
            return 0
        up = 1 if self.difference.value > 0 else -1
        return -up if self.figure == "neutral_as_positive" else up


@dataclass(frozen=True)
class Weighed:
    """Both sides on ``n`` rows: ``better`` and ``worse`` are the figures that moved beyond their intervals, ``steady``
    those that did not.

    In ``test`` b rows broke (only the first side had them right) and c were fixed. ``neutral_as_positive`` is there
    whether it moved or not; None without neutral rows.
    """

    n: int
    tone: Tone
    kind: Kind
    accuracy: Change
    neutral_as_positive: Change | None
    test: McNemar
    better: list[Change]
    worse: list[Change]
    steady: list[Change]


@dataclass(frozen=True)
class Without:
    """The same without ``left_out`` rows that the reader may not trust, and why; nothing where no row is left."""

    why: Literal["trained on", "flagged"]
    left_out: int
    rest: Weighed | None


@dataclass(frozen=True)
class Lead:
    """The second side beside a bag of words that learned from the same rows; ``lead`` is second side minus it."""

    accuracy: float
    lead: Difference


@dataclass(frozen=True)
class Verdict(Weighed):
    """A verdict on ``second`` beside ``first``, with what puts it into proportion; what is not known is None.

    ``kind`` is about accuracy alone, ``tone`` about the whole. ``prior`` splits the change in accuracy into what a mere
    shift of the label prior gives and what lies beyond. ``runs`` says how many training runs the second side stands
    for: of one alone, the luck of its seed is in no interval. ``unusable_flags`` has a sentence on each line of the
    file of corrections that cannot be used, so that it flags nothing, and ``unknown_training`` a clause on each run
    whose training rows are not known although the second side has learnt them.
    """

    first: str
    second: str
    prior: Pieces | None
    bag_of_words: Lead | None
    overlap: Overlap | None
    without: list[Without]
    runs: int = 1
    unusable_flags: tuple[str, ...] = ()
    unknown_training: tuple[str, ...] = ()

    @property
    def few(self) -> bool:
        """Whether there are so few rows that the first sentence has to say so."""
        return self.n < FEW_ROWS


class Known(NamedTuple):
    """What is known besides the answers; ``flagged`` says of which rows the label is doubted.

    ``unknown_training`` has a clause on each run whose training rows are not known, see :class:`Verdict`.
    """

    prior: Pieces | None = None
    bag_of_words: ReferenceFigures | None = None
    overlap: Overlap | None = None
    flagged: Flags = NO_FLAGS
    unknown_training: tuple[str, ...] = ()


def judge(
    first: pd.DataFrame,
    second: pd.DataFrame,
    names: tuple[str, str] = (BASELINE, TUNED),
    classes: int = 3,
    known: Known | None = None,
) -> Verdict:
    """Return the verdict on the predictions tables of two sides about the same rows.

    Raises:
        RunError: the tables are not about the same rows in the same order.
        EmptyDataError: they have no rows.
    """
    known = known or Known()
    weighed = weigh(first, second, classes)
    trained = set() if known.overlap is None else set(known.overlap.row_ids)
    doubts: tuple[tuple[Literal["trained on", "flagged"], set[str]], ...] = (
        ("trained on", trained),
        ("flagged", set(known.flagged.rows)),
    )
    kept = [_without(why, ids, first, second, classes) for why, ids in doubts if first["row_id"].isin(ids).any()]
    bag = known.bag_of_words
    lead = None if bag is None else Lead(bag.accuracy, bag.tuned_lead)
    return Verdict(
        **{**vars(weighed), "tone": _tempered(weighed.tone, kept, lead)},
        first=names[0],
        second=names[1],
        prior=known.prior,
        bag_of_words=lead,
        overlap=known.overlap,
        without=kept,
        unusable_flags=known.flagged.unusable,
        unknown_training=known.unknown_training,
    )


def weigh(first: pd.DataFrame, second: pd.DataFrame, classes: int = 3) -> Weighed:
    """Return what got better and what got worse from one predictions table to another; raises as :func:`judge`."""
    comparison = compare_predictions(first, second, classes)
    before, after = comparison.baseline, comparison.tuned
    accuracy = Change(
        "accuracy", None, before.accuracy, after.accuracy, comparison.accuracy_difference, comparison.mcnemar.p
    )
    changes = [
        Change("macro_f1", None, before.macro_f1, after.macro_f1, comparison.macro_f1_difference, None),
        *_of_neutral(first, second),
        *_of_classes(first, second, classes),
    ]
    return settle(comparison.n, accuracy, comparison.mcnemar, changes)


def settle(n: int, accuracy: Change, test: McNemar, changes: list[Change]) -> Weighed:
    """Return the verdict's weighing of changes whose intervals are given, for example over several seeds."""
    settled = accuracy.gain if test.p < 1 - CONFIDENCE else 0
    parts = {sign: [accuracy] * (settled == sign) + [one for one in changes if one.gain == sign] for sign in (1, -1, 0)}
    kind: Kind = "better" if settled > 0 else "worse" if settled < 0 else "unsettled"
    elsewhere = parts[-1] or (parts[1] and not settled)
    tone: Tone = "bad" if settled < 0 else "mixed" if elsewhere else "good" if settled > 0 else "none"
    neutral = next((one for one in changes if one.figure == "neutral_as_positive"), None)
    return Weighed(n, tone, kind, accuracy, neutral, test, parts[1], parts[-1], parts[0])


def _tempered(tone: Tone, without: list[Without], bag: Lead | None) -> Tone:
    """Return a tone that a gain keeps only where it stands without doubtful rows and against a bag of words."""
    loses = bag is not None and bag.lead.settled and (bag.lead.value or 0) < 0
    holds = all(one.rest is not None and one.rest.tone == "good" for one in without)
    return "mixed" if tone == "good" and (loses or not holds) else tone


def _without(
    why: Literal["trained on", "flagged"], ids: set[str], first: pd.DataFrame, second: pd.DataFrame, classes: int
) -> Without:
    out = first["row_id"].isin(ids).to_numpy()
    before, after = (table[~out].reset_index(drop=True) for table in (first, second))
    return Without(why, int(out.sum()), None if out.all() else weigh(before, after, classes))


def _of_neutral(first: pd.DataFrame, second: pd.DataFrame) -> list[Change]:
    """Return the change in neutral called positive, over three classes as the figure is."""
    _, gold, before = class_view(first)
    _, _, after = class_view(second)
    neutral = gold == NEUTRAL
    if not neutral.any():
        return []
    was, now = called_positive(before[neutral]), called_positive(after[neutral])
    return [_of_shares("neutral_as_positive", None, was, now)]


def _of_shares(figure: str, label: str | None, before: Numbers, after: Numbers) -> Change:
    test = mcnemar(before, after)
    return Change(figure, label, float(before.mean()), float(after.mean()), paired_difference(before, after), test.p)


def _of_classes(first: pd.DataFrame, second: pd.DataFrame, classes: int) -> list[Change]:
    """Return the changes in recall and precision of each class that has some rows on both sides."""
    labels, gold, before = class_view(first, classes)
    _, _, after = class_view(second, classes)
    changes = []
    for label in labels:
        deserve = gold == label
        was, now = before == label, after == label
        if deserve.any():
            changes.append(_of_shares("recall", label, was[deserve], now[deserve]))
        if was.any() and now.any():
            shares = float(deserve[was].mean()), float(deserve[now].mean())
            difference = overlapping_difference(deserve, was, now)
            changes.append(Change("precision", label, shares[0], shares[1], difference, None))
    return changes
