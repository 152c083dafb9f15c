"""The rows that a run's adapter has learnt: its own training rows, and those of the runs whose adapters it builds on.

A run that continues another one trains few rows itself, and its adapter has learnt its parent's, too, and those of its
parent's parent. What is said of "the training rows" beside an adapter's answers is about all of these.
"""

from dataclasses import dataclass

import pandas as pd

from finsent.data.twins import normalise
from finsent.errors import RunError, RunNotFoundError
from finsent.inference.predictions import load_predictions
from finsent.runs.chain import built_on
from finsent.runs.rows import training_rows, training_rows_if_kept
from finsent.runs.store import Run, load_run


@dataclass(frozen=True)
class Taught:
    """What an adapter has learnt: ``row_id, text, label, answers``, as it learnt each text last; None: nothing known.

    ``unseen`` are those without texts of the run's own test split, which a run that it builds on may have trained on.
    ``gaps`` says which runs' rows are missing in both, a clause each.
    """

    rows: pd.DataFrame | None
    unseen: pd.DataFrame | None
    gaps: tuple[str, ...] = ()

    @property
    def comparable(self) -> pd.DataFrame | None:
        """The rows to train a reference on that shall have learnt what the adapter has; None where some are missing."""
        return None if self.gaps else self.unseen


#: What is known of an adapter where no run is asked for its rows.
NOTHING_TAUGHT = Taught(None, None)


def taught_by(rows: pd.DataFrame) -> Taught:
    """Return what an adapter has learnt that was trained on these rows alone."""
    return Taught(rows, rows)


def taught_rows(run: Run) -> Taught:
    """Return the rows that a run's adapter has learnt, its own first, each text once for each of its answer sets.

    Where a text was trained on again, as with a corrected label, the later run's label counts. Of a run that builds on
    no other one they are its own rows as they are.

    Raises:
        RunError: its own rows cannot be read. What is wrong with other runs' rows is a gap.
    """
    own = training_rows_if_kept(run)
    before, gaps = _earlier_rows(run)
    if not before and not gaps:
        return NOTHING_TAUGHT if own is None else taught_by(own)
    if own is None:
        gaps.insert(0, "this run kept no training rows")
    known = before if own is None else [own, *before]
    if not known:
        return Taught(None, None, tuple(gaps))
    rows = _with_own_ids(pd.concat(known, ignore_index=True).drop_duplicates(["text", "answers"], ignore_index=True))
    return Taught(rows, _without_test_texts(run, rows), tuple(gaps))


def known_rows(run: Run) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return those of :func:`taught_rows` that are known, and the gaps.

    Raises:
        RunError: its own rows cannot be read, or none is known.
    """
    found = taught_rows(run)
    return (training_rows(run) if found.rows is None else found.rows), found.gaps


def gaps_sentence(gaps: tuple[str, ...]) -> str:
    """Return in a sentence that some of the rows that an adapter has learnt are not known; "" where all are."""
    return f"Not all rows that this adapter has learnt are known: {'; '.join(gaps)}." if gaps else ""


def _earlier_rows(run: Run) -> tuple[list[pd.DataFrame], list[str]]:
    """Return the training rows of the runs that a run builds on, the nearest first, and a clause for each gap."""
    tables: list[pd.DataFrame] = []
    gaps: list[str] = []
    # Records can be edited: a run that would build on itself is looked at once.
    met, waiting = {run.id}, built_on(run)
    while waiting:
        ident = waiting.pop(0)
        if ident in met:
            continue
        met.add(ident)
        name = f"run {ident}, whose adapter it builds on,"
        try:
            earlier = load_run(run.folder.parent, ident)
            rows = training_rows_if_kept(earlier)
        except RunNotFoundError:
            gaps.append(f"{name} was removed")
            continue
        except RunError:
            gaps.append(f"{name} cannot be read")
            continue
        waiting += built_on(earlier)
        if rows is None:
            gaps.append(f"{name} kept no training rows")
        else:
            tables.append(rows)
    return tables, gaps


def _with_own_ids(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with ids that differ: runs number the synthetic rows of their repair sets alike."""
    again = rows.groupby("row_id").cumcount()
    return rows.assign(row_id=rows["row_id"].where(again == 0, rows["row_id"] + " (" + again.astype(str) + ")"))


def _without_test_texts(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    if not run.has_comparison:
        return rows
    judged = load_predictions(run.predictions_file("baseline"))
    test = set(normalise(judged.loc[judged["split"] == "test", "text"]))
    return rows[~normalise(rows["text"]).isin(test)].reset_index(drop=True)
