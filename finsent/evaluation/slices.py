"""What the errors of a model share: groups of texts in which it errs oftener, in words that a reader can check.

A small decision tree over readable features of the validation rows proposes one group for each kind of error, and the
test rows, which had no part in that, confirm it or not. Where no group is confirmed, nothing splits the errors.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError
from finsent.evaluation.features import readable_features
from finsent.inference.predictions import load_predictions
from finsent.metrics.classification import class_view
from finsent.metrics.figures import Difference, Interval
from finsent.metrics.statistics import CONFIDENCE, Numbers, share_interval, show_p
from finsent.metrics.wording import points
from finsent.runs.store import Run
from finsent.runs.taught import gaps_sentence, taught_rows

#: The tree asks so many questions, and a group has so many validation rows or this share of them at least.
DEPTH, FEWEST, SMALLEST_SHARE = 2, 10, 0.05
#: A kind of error is looked at where it occurs so often among the validation rows, and as seldom does not.
FEWEST_ERRORS = 5
ANY = "any error"
#: About what it takes on one core to hold a text against one training row, in seconds.
_SECONDS_A_PAIR = 3e-6
#: What is said of a kind of error for which no group was found.
NOTHING = "nothing splits them"


@dataclass(frozen=True)
class Rates:
    """How often a kind of error occurs among the rows of a group and among all others, with 95 % intervals."""

    inside: int
    inside_errors: int
    inside_ci: Interval | None
    outside: int
    outside_errors: int
    outside_ci: Interval | None

    @property
    def inside_share(self) -> float | None:
        """The share of errors in the group."""
        return self.inside_errors / self.inside if self.inside else None

    @property
    def outside_share(self) -> float | None:
        """The share of errors among all other rows."""
        return self.outside_errors / self.outside if self.outside else None


@dataclass(frozen=True)
class Slice:
    """A group of texts. ``kind`` is the error that it is about, ``words`` its conditions, all of which hold.

    It was chosen by ``validation``; of the ``test`` rows ``difference`` is the share of errors inside minus outside
    with its 95 % interval, ``p`` Fisher's exact test after Holm's correction over all groups, and ``confirmed`` says
    that both agree. ``row_ids`` are the group's test rows that show the error.
    """

    kind: str
    words: tuple[str, ...]
    validation: Rates
    test: Rates
    difference: Difference
    p: float
    confirmed: bool
    row_ids: tuple[str, ...]


@dataclass(frozen=True)
class Slices:
    """The groups that were proposed, the confirmed ones first, of ``kinds`` kinds of errors that were looked at.

    Where ``unknown_training`` says that some rows which the adapter has learnt are not known, no group is by the most
    similar training rows.
    """

    model: str
    validation_n: int
    test_n: int
    kinds: tuple[str, ...]
    found: tuple[Slice, ...]
    unknown_training: tuple[str, ...] = ()

    @property
    def confirmed(self) -> tuple[Slice, ...]:
        """Those that hold on the test rows."""
        return tuple(one for one in self.found if one.confirmed)


def unconfirmed(found: Slices) -> str:
    """Return what is said where no group holds on the test rows: there may be none, or too few rows to be sure."""
    if found.found:
        return "No group that was found holds on the test rows, which is no proof that there is none"
    return "Nothing splits them: no group was found on the validation rows"


def left_out_sentence(found: Slices) -> str:
    """Return that the most similar training rows had no say, and why; "" where they had."""
    words = gaps_sentence(found.unknown_training)
    return f"{words} So no group is by the most similar training rows." if words else ""


def slice_sentence(one: Slice) -> str:
    """Return how often a group's test rows show its error beside all others, with interval, n and p."""
    sure = "confirmed" if one.confirmed else "not confirmed"
    return (
        f"{share_words(one.test, inside=True)} inside, {share_words(one.test, inside=False)} outside; "
        f"{points(one.difference)}, {show_p(one.p)} after Holm's correction, {sure}"
    )


def share_words(rates: Rates, inside: bool) -> str:
    """Return the share of errors inside or outside a group, for example ``61.3% (43.8% to 76.3%, 19 of 31)``."""
    errors, n = (rates.inside_errors, rates.inside) if inside else (rates.outside_errors, rates.outside)
    share, ci = (rates.inside_share, rates.inside_ci) if inside else (rates.outside_share, rates.outside_ci)
    if share is None or ci is None:
        return "no row"
    return f"{share:.1%} ({ci.low:.1%} to {ci.high:.1%}, {errors:,} of {n:,})"


def slices_table(found: Slices) -> pd.DataFrame:
    """Return one row a kind of error: the group proposed for it, whether it holds, and its shares of errors as text."""
    proposed = {one.kind: one for one in found.found}
    rows = []
    for kind in found.kinds:
        row = {"error": kind, "group": NOTHING, "on test rows": ""}
        if (one := proposed.get(kind)) is not None:
            row |= {"group": " and ".join(one.words), "on test rows": "confirmed" if one.confirmed else "not confirmed"}
            for split, rates in (("test", one.test), ("validation", one.validation)):
                row |= {f"{split}, inside": share_words(rates, True), f"{split}, outside": share_words(rates, False)}
        rows.append(row)
    return pd.DataFrame(rows)


def run_slices(run: Run, model: str = "tuned", classes: int = 3) -> Slices:
    """Return what the errors of one of a run's models share; raises as :func:`find_slices`."""
    predictions = load_predictions(run.predictions_file(model))
    taught = taught_rows(run)
    return replace(find_slices(predictions, taught.comparable, model, classes), unknown_training=taught.gaps)


def slices_seconds(held: int, training: int) -> float:
    """Return about how long :func:`find_slices` looks for the training rows that are most similar to so many texts."""
    return _SECONDS_A_PAIR * held * training


def find_slices(
    predictions: pd.DataFrame, training: pd.DataFrame | None = None, model: str = "tuned", classes: int = 3
) -> Slices:
    """Return the groups in which a predictions table of validation and test rows holds more errors.

    ``training`` (``row_id, text, label``) tells where the most similar training rows have another label.

    Raises:
        EmptyDataError: there are too few validation or test rows.
    """
    held = predictions["split"].isin(["validation", "test"])
    rows = predictions[held].reset_index(drop=True)
    chosen, judged = ((rows["split"] == split).to_numpy() for split in ("validation", "test"))
    if min(chosen.sum(), judged.sum()) < 2 * FEWEST:
        raise EmptyDataError(
            f"There are {int(chosen.sum())} validation and {int(judged.sum())} test rows; groups need {2 * FEWEST} of "
            "each."
        )
    features = readable_features(rows, training, chosen)
    proposed, kinds = [], []
    for kind, concerned, errors in _kinds(rows, chosen, classes):
        kinds.append(kind)
        conditions = _split(features[concerned & chosen], errors[concerned & chosen])
        if conditions:
            proposed.append((kind, conditions, concerned, errors))
    found = _confirmed(rows, features, judged, chosen, proposed)
    return Slices(model, int(chosen.sum()), int(judged.sum()), tuple(kinds), found)


Condition = tuple[str, float, bool]
_Proposed = list[tuple[str, list[Condition], Numbers, Numbers]]


def _kinds(rows: pd.DataFrame, chosen: Numbers, classes: int) -> list[tuple[str, Numbers, Numbers]]:
    """Return each kind of error: its name, the rows that could show it, and those that do."""
    labels, gold, predicted = class_view(rows, classes)
    every = np.ones(len(rows), dtype=bool)
    kinds = [(ANY, every, gold != predicted)]
    for label in labels:
        for answer in (*labels, "invalid"):
            if label != answer:
                kinds.append((f"{label} called {answer}", gold == label, (gold == label) & (predicted == answer)))
    return [one for one in kinds if FEWEST_ERRORS <= one[2][chosen].sum() <= one[1][chosen].sum() - FEWEST_ERRORS]


def _split(features: pd.DataFrame, errors: Numbers) -> list[Condition]:
    """Return the conditions of the part of a small tree that stands out most, [] where it splits nothing off.

    Of its nodes and leaves that is the one whose share of errors lies furthest above that of all rows, in standard
    errors, so that a large group is not cut down to its worst few rows.
    """
    from sklearn.tree import DecisionTreeClassifier

    smallest = max(FEWEST, int(np.ceil(SMALLEST_SHARE * len(features))))
    if len(features) < 2 * smallest:
        return []
    fitted = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=smallest, random_state=0).fit(features, errors)
    tree = fitted.tree_
    overall = float(errors.mean())
    parts: list[tuple[float, list[Condition]]] = []

    def walk(node: int, conditions: list[Condition]) -> None:
        excess = float(tree.value[node][0][-1]) - overall
        parts.append((excess * float(tree.n_node_samples[node]) ** 0.5, conditions))
        if tree.children_left[node] < 0:
            return
        name, threshold = str(features.columns[tree.feature[node]]), float(tree.threshold[node])
        walk(tree.children_left[node], [*conditions, (name, threshold, False)])
        walk(tree.children_right[node], [*conditions, (name, threshold, True)])

    walk(0, [])
    excess, conditions = max(parts, key=lambda part: part[0])
    return conditions if excess > 0 else []


def _confirmed(
    rows: pd.DataFrame, features: pd.DataFrame, judged: Numbers, chosen: Numbers, proposed: _Proposed
) -> tuple[Slice, ...]:
    from scipy.stats import fisher_exact
    from statsmodels.stats.multitest import multipletests

    drafts = []
    for kind, conditions, concerned, errors in proposed:
        inside = _holds(features, conditions)
        test, validation = (_rates(inside, errors, concerned & split) for split in (judged, chosen))
        table = [
            [test.inside_errors, test.inside - test.inside_errors],
            [test.outside_errors, test.outside - test.outside_errors],
        ]
        shown = rows.loc[inside & errors & judged, "row_id"]
        drafts.append((kind, conditions, validation, test, float(fisher_exact(table).pvalue), tuple(shown)))
    if not drafts:
        return ()
    corrected = multipletests([draft[4] for draft in drafts], method="holm")[1]
    found = []
    for (kind, conditions, validation, test, _, row_ids), p in zip(drafts, corrected, strict=True):
        difference = _difference(test)
        confirmed = bool(p < 1 - CONFIDENCE and difference.settled and (difference.value or 0) > 0)
        words = tuple(in_words(*condition) for condition in conditions)
        found.append(Slice(kind, words, validation, test, difference, float(p), confirmed, row_ids))
    return tuple(sorted(found, key=lambda one: (not one.confirmed, -(one.difference.value or 0))))


def _holds(features: pd.DataFrame, conditions: list[Condition]) -> Numbers:
    held = np.ones(len(features), dtype=bool)
    for name, threshold, above in conditions:
        values = features[name].to_numpy()
        held &= values > threshold if above else values <= threshold
    return held


def in_words(name: str, threshold: float, above: bool) -> str:
    """Return a condition of a tree as a reader says it: “has a number”, “no “not””, “more than 12 words”."""
    if name == "words":
        whole = int(threshold)
        return f"more than {whole} words" if above else f"{whole} words or fewer"
    return name if above else f"not: {name}"


def _rates(inside: Numbers, errors: Numbers, rows: Numbers) -> Rates:
    within, without = inside & rows, ~inside & rows
    n, hit, m, miss = (int(one.sum()) for one in (within, within & errors, without, without & errors))
    return Rates(n, hit, share_interval(hit, n), m, miss, share_interval(miss, m))


def _difference(rates: Rates) -> Difference:
    """Return the share inside minus outside with Newcombe's interval for independent groups (1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    n = rates.inside + rates.outside
    if not rates.inside or not rates.outside:
        return Difference(None, None, n)
    low, high = confint_proportions_2indep(
        rates.inside_errors, rates.inside, rates.outside_errors, rates.outside, method="newcomb", compare="diff"
    )
    value = rates.inside_errors / rates.inside - rates.outside_errors / rates.outside
    return Difference(value, Interval(float(low), float(high)), n)
