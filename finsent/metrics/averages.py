"""Averages over classes from confusion matrices, and how far they and their differences may be off.

An average is a smooth function of a table of counts. Its slope in each cell says how far one more row of that kind
moves it, and so how much it varies over other rows (the delta method; for macro-F1: Takahashi et al. 2022). The
interval is Wilson's of a share that varies as much: the effective number of rows takes the place of the number of rows
(Franco et al. 2019). So that a class of few rows, all right or all wrong, is not taken for certain, the variance is
that with one row more of each class, spread over its answers (in the spirit of Agresti and Coull 1998). A difference's
interval squares and adds the two figures' own, less what they have in common (Newcombe 1998, method 10; Zou 2007).

Everything here takes one table or many, so that a simulation of the coverage goes the same way as a report.
"""

import numpy as np

from finsent.metrics.statistics import Numbers, effective_bounds, squared_and_added, unseen_share

Bounds = tuple[Numbers, Numbers]

#: Figures of a whole confusion matrix that have an interval from its slopes.
AVERAGES = ("macro_f1", "weighted_f1", "balanced_accuracy", "kappa")
#: Their least values; kappa is negative where a model agrees less than chance would.
LEAST = dict.fromkeys(AVERAGES, 0.0) | {"kappa": -1.0}
#: How many rows more and less the slopes are taken over.
_STEP = 1e-3
#: An average this close to its ends is at them, and a variance this small is rounding noise.
_NOISE = 1e-12


def confusion_figures(table: Numbers) -> dict[str, Numbers]:
    """Return the figures of one or many confusion matrices, shape (..., K, K + 1), the last column invalid answers.

    ``precision``, ``recall`` and ``f1`` have shape (..., K), the averages (...). 0/0 counts as 0, as scikit-learn does
    with ``zero_division=0``. Averages are over the labels with gold rows. ``kappa`` is Cohen's (1960), the agreement
    beyond what the two label distributions give by chance.
    """
    table = np.asarray(table, dtype=float)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    support, called, n = table.sum(-1), table[..., :-1].sum(-2), table.sum((-2, -1))
    present = support > 0
    precision, recall = _ratio(hits, called), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + called)
    accuracy, chance = hits.sum(-1) / n, (support * called).sum(-1) / n**2
    kinds = np.maximum(present.sum(-1), 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "macro_precision": (precision * present).sum(-1) / kinds,
        "macro_f1": (f1 * present).sum(-1) / kinds,
        "weighted_f1": (f1 * support).sum(-1) / n,
        "balanced_accuracy": recall.sum(-1) / kinds,
        "kappa": _ratio(accuracy - chance, 1 - chance),
    }


def average_with_bounds(name: str, table: Numbers) -> tuple[Numbers, Bounds]:
    """Return an average of one or many confusion matrices and the bounds of its 95 % interval.

    Where no row that was seen can move it, as when all are right, Wilson's bound on the share of unseen rows gives the
    interval.
    """
    value, least, n = confusion_figures(table)[name], LEAST[name], table.sum((-2, -1))
    share = np.clip((value - least) / (1 - least), 0.0, 1.0)
    variance = _variance(name, table) / (1 - least) ** 2
    still = (share * (1 - share) < _NOISE) | (variance < _NOISE)
    low, high = effective_bounds(np.where(still, 0.5, share), np.where(still, 1.0, variance))
    slack = unseen_share(n) / (1 - least)
    low, high = np.where(still, share - slack, low), np.where(still, share + slack, high)
    return value, (least + (1 - least) * np.maximum(low, 0.0), least + (1 - least) * np.minimum(high, 1.0))


def difference_with_bounds(name: str, joint: Numbers) -> tuple[Numbers, Bounds]:
    """Return by how much a second model's average is above the first's on the same rows, and its interval's bounds.

    ``joint`` counts rows by gold label and both answers, shape (..., K, K + 1, K + 1). Where the two models never
    differ, Wilson's bound on the share of unseen rows stands on either side.
    """
    n, span = joint.sum((-3, -2, -1)), 1 - LEAST[name]
    first, (low, high) = average_with_bounds(name, joint.sum(-1))
    second, (low_2, high_2) = average_with_bounds(name, joint.sum(-2))
    common = _correlation(name, joint)
    below = squared_and_added(second - low_2, high - first, common)
    above = squared_and_added(high_2 - second, first - low, common)
    alike = np.trace(joint, axis1=-2, axis2=-1).sum(-1) == n
    below, above = (np.where(alike, unseen_share(n), reach) for reach in (below, above))
    difference = second - first
    return difference, (np.maximum(difference - below, -span), np.minimum(difference + above, span))


def _slopes(name: str, table: Numbers) -> Numbers:
    """Return how far one more row in each cell moves an average: an array of the table's shape, 0 in empty cells."""
    shape = table.shape[-2:]
    one_row = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    more, less = (confusion_figures(table[..., None, :, :] + step * one_row)[name] for step in (_STEP, -_STEP))
    return np.where(table > 0, ((more - less) / (2 * _STEP)).reshape(table.shape), 0.0)


def _variance(name: str, table: Numbers) -> Numbers:
    """Return an average's variance over other rows, with one row more of each class that has some."""
    occurs = table.sum(-1, keepdims=True) > 0
    more = table + occurs / table.shape[-1]
    n, with_more = table.sum((-2, -1)), more.sum((-2, -1))
    return np.asarray((more * _slopes(name, more) ** 2).sum((-2, -1)) * with_more / n)


def _correlation(name: str, joint: Numbers) -> Numbers:
    """Return what two models' averages have in common on the same rows, with Newcombe's correction for few rows."""
    tables = joint.sum(-1), joint.sum(-2)
    values = [confusion_figures(table)[name] for table in tables]
    first, second = (_slopes(name, table) for table in tables)
    shared = (joint * first[..., :, :, None] * second[..., :, None, :]).sum((-3, -2, -1))
    spreads = [(table * slopes**2).sum((-2, -1)) for table, slopes in zip(tables, (first, second), strict=True)]
    found = _ratio(shared, np.sqrt(spreads[0] * spreads[1]))
    shares = [(value - LEAST[name]) / (1 - LEAST[name]) for value in values]
    size = np.sqrt(np.prod([np.clip(share * (1 - share), 0.0, 1.0) for share in shares], axis=0))
    correction = _ratio(np.asarray(0.5), joint.sum((-3, -2, -1)) * size)
    return np.where(found > 0, np.maximum(found - correction, 0.0), found)


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
