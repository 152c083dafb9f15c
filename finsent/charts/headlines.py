"""The table of the Headlines page."""

import io
from collections.abc import Sequence

import pandas as pd

from finsent.evaluation.classifier import Answer, Classified


def headlines_table(results: Sequence[Classified]) -> pd.DataFrame:
    """Return one row per text: both answers, whether they differ, and every label's probability.

    Columns of the fine-tuned model are absent where there is none.
    """
    rows = []
    for result in results:
        row: dict[str, object] = {"text": result.text, "baseline": result.baseline.label}
        if result.tuned:
            row |= {"fine-tuned": result.tuned.label, "changed": result.tuned.label != result.baseline.label}
        if result.tuned:
            row |= _shares("fine-tuned", result.tuned)
        row |= _shares("baseline", result.baseline)
        rows.append(row)
    return pd.DataFrame(rows)


def with_own_columns(table: pd.DataFrame, own: pd.DataFrame | None) -> pd.DataFrame:
    """Return a table of answers with the other columns of the file that its texts came from, by which it can be joined.

    ``own`` has a row a text, or is None; a column that is called as one of the answers' says that it is the file's.
    Cells of several kinds become text, since a column of a Parquet file has one.
    """
    if own is None:
        return table
    joined = table.copy()
    for column in own:
        name, cells = str(column), own[column].infer_objects()
        while name in joined:
            name = f"{name} (file)"
        joined[name] = cells.where(cells.isna(), cells.map(str)) if cells.dtype == object else cells
    return joined


def headlines_parquet(table: pd.DataFrame) -> bytes:
    """Return a table as the content of a Parquet file."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def _shares(model: str, answer: Answer) -> dict[str, float]:
    return {f"{model}: {label}": share for label, share in answer.probabilities.items()}
