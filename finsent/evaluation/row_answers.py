"""What both models of a run answered on rows of a data set, wherever the run was judged on that very data set.

A run belongs to a data set by the hash of the data, and an answer to a row by its id and its text; nothing is guessed.
"""

import pandas as pd

from finsent.metrics.comparison import answers_table
from finsent.runs.evaluated_sets import OWN, judged_sets, saved_pair, set_key
from finsent.runs.store import Run

#: What is known of a row: both models' labels, and what became of its answer.
ANSWERS = ("baseline", "tuned", "transition")
#: Stands for what no model has answered.
NO_ANSWER = ""


def sets_on(run: Run, fingerprint: str) -> list[str]:
    """Return the keys of a run's judged sets whose rows are of the data set with that SHA-256, its own first."""
    key = set_key(fingerprint)
    return [one for one in judged_sets(run) if one == key or (one == OWN and run.source_hash == fingerprint)]


def with_answers(rows: pd.DataFrame, run: Run | None, fingerprint: str) -> pd.DataFrame:
    """Return rows of a data set with the columns of :data:`ANSWERS`, which are "" where no model has answered.

    ``baseline`` and ``tuned`` are one of the five labels or invalid, ``transition`` is one of
    :data:`finsent.metrics.comparison.TRANSITIONS`, in which bullish counts as positive and bearish as negative.
    ``fingerprint`` is the data's SHA-256; without a run there are no answers.

    Raises:
        RunError: the run's predictions cannot be read.
    """
    found = [_answers(run, key) for key in sets_on(run, fingerprint)] if run else []
    if not found:
        return rows.assign(**dict.fromkeys(ANSWERS, NO_ANSWER))
    known = pd.concat(found).drop_duplicates("row_id").set_index(["row_id", "text"])
    answered = known.reindex(pd.MultiIndex.from_frame(rows[["row_id", "text"]])).fillna(NO_ANSWER)
    return rows.assign(**{name: answered[name].to_numpy() for name in ANSWERS})


def _answers(run: Run, key: str) -> pd.DataFrame:
    """Return ``row_id, text`` and the answers of one judged set, with labels as the models gave them."""
    before, after = saved_pair(run, key)
    answered = answers_table(before, after)[["row_id", "text", "transition"]]
    return answered.assign(baseline=before["predicted"].to_numpy(), tuned=after["predicted"].to_numpy())
