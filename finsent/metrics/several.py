"""Several models on the same rows: are any different, and which?"""

from collections.abc import Mapping

import pandas as pd

from finsent.errors import RunError
from finsent.metrics.classification import class_view, evaluate_predictions
from finsent.metrics.figures import SeveralModels
from finsent.metrics.statistics import compare_several

_SAME_ROW = ["row_id", "text", "label", "answers"]


def common_rows(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the predictions tables cut down to the rows that all have (id, text, gold label), in one order.

    Raises:
        RunError: they have no row in common, since they were judged on different data or splits.
    """
    keys = [table[_SAME_ROW] for table in tables.values()]
    shared = keys[0]
    for other in keys[1:]:
        shared = shared.merge(other, on=_SAME_ROW)
    if shared.empty:
        raise RunError(
            "These runs were not judged on the same rows, so they cannot be compared. Choose runs with the same data "
            "and the same split seed."
        )
    return {name: shared.merge(table, on=_SAME_ROW) for name, table in tables.items()}


def compare_models(tables: Mapping[str, pd.DataFrame], classes: int = 3) -> SeveralModels:
    """Return each model's figures on the rows that all share, Cochran's Q test, and every pair's comparison.

    ``tables`` maps names to predictions tables of test rows. ``models`` has each one's figures; ``pairs`` the exact
    McNemar test with Holm's correction over all pairs (see :func:`finsent.metrics.statistics.compare_several`) and the
    ``difference`` in accuracy, second minus first, with its paired interval (not corrected for the number of pairs).

    Raises:
        RunError: no row in common.
        ValueError: fewer than two models.
    """
    shared = common_rows(tables)
    right = {}
    for name, table in shared.items():
        _, gold, predicted = class_view(table, classes)
        right[name] = gold == predicted
    tests = compare_several(right)
    return SeveralModels(
        **vars(tests), models={name: evaluate_predictions(table, classes) for name, table in shared.items()}
    )
