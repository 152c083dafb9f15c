"""Checks of a data set: what a careful person would want to know before training on it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from finsent.labels import TO_THREE

LONG_CHARACTERS = 1_000
#: Below this many test rows a label's recall is known to no better than about ± 18 points (95 %).
FEW_TEST_ROWS = 30
_SHOWN = 500
_LINK = r"https?://\S+"
_MARKS = r"[\W_]+"
_MARKS_AND_DIGITS = r"[\W_\d]+"


@dataclass(frozen=True)
class Finding:
    """Something about some rows: ``n`` of them, the first 500 named in ``row_ids``."""

    title: str
    sentence: str
    n: int
    row_ids: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return vars(self) | {"row_ids": list(self.row_ids)}


def find_issues(rows: pd.DataFrame) -> list[Finding]:
    """Return what is remarkable about a data table that has its column ``split``; an empty list if nothing is.

    Two texts are nearly the same where they differ in case, punctuation, links and digits alone. Labels conflict
    over three classes (bullish and positive agree) and only where the digits are the same too, since "profit of 3
    against 4" and "of 4 against 3" rightly differ.
    """
    plain, skeleton = normalise(rows["text"]), normalise(rows["text"], digits=False)
    candidates = [
        _finding(
            rows,
            rows["text"].str.strip().duplicated(keep=False),
            "Repeated texts",
            "These texts occur more than once, letter by letter, so they count more than others.",
        ),
        _finding(
            rows,
            _several(plain, rows["label"].map(TO_THREE)),
            "Conflicting labels",
            "The same text, apart from case, punctuation and links, has different labels; no model can be right on "
            "all of them.",
        ),
        _finding(
            rows,
            _also_trained_on(skeleton, rows["split"]),
            "Held-out texts that are also trained on",
            "These validation or test texts have a twin among the training rows, apart from case, digits, punctuation "
            "and links; figures on them flatter.",
        ),
        _finding(
            rows,
            rows["text"].str.len() > LONG_CHARACTERS,
            "Very long texts",
            f"These texts have over {LONG_CHARACTERS:,} characters; they cost time and may not fit max_length.",
        ),
        _finding(
            rows,
            _rarely_tested(rows),
            "Labels with few test rows",
            f"These are the test rows of labels that have fewer than {FEW_TEST_ROWS} of them; figures for those labels "
            "alone have wide intervals.",
        ),
    ]
    return [finding for finding in candidates if finding.n]


def finding_rows(rows: pd.DataFrame, finding: Finding) -> pd.DataFrame:
    """Return the rows that a finding names, each together with the rows of nearly the same text."""
    keys = normalise(rows["text"], digits=False)
    named = rows["row_id"].isin(finding.row_ids)
    shown = rows[named | keys.isin(set(keys[named]) - {""})]
    groups = pd.factorize(keys[shown.index])[0]
    return shown.iloc[groups.argsort(kind="stable")]


def normalise(texts: pd.Series, digits: bool = True) -> pd.Series:
    """Return texts in lower case without links, punctuation and repeated spaces, and without digits if asked."""
    lowered = texts.str.lower().str.replace(_LINK, " ", regex=True)
    return lowered.str.replace(_MARKS if digits else _MARKS_AND_DIGITS, " ", regex=True).str.strip()


def _several(keys: pd.Series, values: pd.Series) -> pd.Series:
    return keys.ne("") & values.groupby(keys).transform("nunique").gt(1)


def _also_trained_on(keys: pd.Series, split: pd.Series) -> pd.Series:
    trained = set(keys[split == "train"])
    return (split != "train") & keys.ne("") & keys.isin(trained)


def _rarely_tested(rows: pd.DataFrame) -> pd.Series:
    test = rows["split"] == "test"
    counts = rows.loc[test, "label"].value_counts()
    return test & rows["label"].isin(counts[counts < FEW_TEST_ROWS].index)


def _finding(rows: pd.DataFrame, concerned: pd.Series, title: str, sentence: str) -> Finding:
    ids = rows.loc[concerned, "row_id"]
    return Finding(title, sentence, len(ids), tuple(ids.head(_SHOWN)))
