"""Looking through a data set: found by words and filters, put in an order, hits marked.

Columns are searched where they stand, by Arrow's own functions: of what was tried on 177,597 rows (docs/results.md)
that needs no copy of the texts and no other library.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from finsent.data.sujet import TASK

#: Columns of a table that is browsed, besides those of :data:`finsent.data.schema.VALIDATED`: the characters of the
#: text, and the task that the row is an example of.
LENGTH, TASK_COLUMN = "length", "task"
#: Orders by name: the column that decides, and whether it ascends.
ORDERS: dict[str, tuple[str, bool]] = {
    "shortest first": (LENGTH, True),
    "longest first": (LENGTH, False),
    "A to Z": ("text", True),
    "Z to A": ("text", False),
    "by label": ("label", True),
    "by source": ("source", True),
}


def browsable(rows: pd.DataFrame, others: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a data table with the columns ``length`` and ``task``, and after it the rows of other tasks, if given.

    ``others`` is as :class:`finsent.data.dataset.SentimentData` has it. What a row of another task lacks is "".
    """
    table = rows.assign(**{TASK_COLUMN: TASK})
    if others is not None and len(others):
        table = pd.concat([table, others], ignore_index=True)
        table = table.fillna(dict.fromkeys(rows.columns, ""))
    return table.assign(**{LENGTH: table["text"].str.len()})


def filter_rows(
    rows: pd.DataFrame, search: str = "", length: tuple[int, int] | None = None, **chosen: Sequence[str]
) -> pd.DataFrame:
    """Return the rows whose text contains ``search`` (literally, whatever the case) and whose columns match.

    ``chosen`` names columns with the values to keep, for example ``label=["neutral"]``; an empty list keeps all.
    ``length`` is the fewest and the most characters of a text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    keep = pd.Series(True, index=rows.index)
    for column, values in chosen.items():
        if values:
            keep &= rows[column].isin(list(values))
    if length is not None:
        keep &= (rows[LENGTH] if LENGTH in rows else rows["text"].str.len()).between(*length)
    if search and len(rows):
        keep &= pc.match_substring(pa.array(rows["text"]), search, ignore_case=True).to_numpy(zero_copy_only=False)
    return _kept(rows, keep.to_numpy())


def _kept(rows: pd.DataFrame, kept: np.ndarray) -> pd.DataFrame:
    # Column by column, by a mask: rows that are taken by their places are taken after a copy of all texts.
    return pd.DataFrame({name: rows[name].array[kept] for name in rows.columns}, index=rows.index[kept])


def rows_in_order(rows: pd.DataFrame, order: str, first: int, last: int) -> pd.DataFrame:
    """Return the rows of one page: those from ``first`` to before ``last`` in an order of :func:`places_in_order`."""
    places = places_in_order(rows, order, last)[first:]
    shown = np.zeros(len(rows), dtype=bool)
    shown[places] = True
    return _kept(rows, shown).iloc[np.searchsorted(np.sort(places), places)]


def places_in_order(rows: pd.DataFrame, order: str, most: int | None = None) -> np.ndarray:
    """Return the places of rows in one of :data:`ORDERS`; in any other they stay as they are.

    Rows that the order does not tell apart stay as they are, too. With ``most`` only the first so many places are
    returned, as a page shows them, and the rest need not be put in order: that is quicker.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    places = np.arange(len(rows))
    if order not in ORDERS or rows.empty:
        return places[:most]
    column, ascending = ORDERS[order]
    values = rows[column] if column in rows else rows["text"].str.len()
    keys = [("value", "ascending" if ascending else "descending"), ("place", "ascending")]
    table = pa.table({"value": pa.array(values), "place": places})
    if most is None or most > len(rows) // 4:
        return np.asarray(pc.sort_indices(table, sort_keys=keys).to_numpy())[:most]
    return np.asarray(pc.select_k_unstable(table, most, sort_keys=keys).to_numpy())


def hits(text: str, search: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a text in their order, each with whether it is what was searched for."""
    start = 0
    for hit in re.finditer(re.escape(search), text, re.IGNORECASE) if search else ():
        if hit.start() > start:
            yield text[start : hit.start()], False
        yield hit.group(), True
        start = hit.end()
    if start < len(text):
        yield text[start:], False
