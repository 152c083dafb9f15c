"""Checks of a data set: what a careful person would want to know before training on it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from finsent.data.gives_away import gives_away
from finsent.data.near import Near
from finsent.data.twins import BARE, KINDS, WORDS, find_twins, near_in, twin_groups, with_words
from finsent.labels import FIVE_LABELS, TO_THREE, split_answers
from finsent.prompts import PROMPT_END

LONG_CHARACTERS = 1_000
#: Below this many test rows a label's recall is known to no better than about ± 18 points (95 %).
FEW_TEST_ROWS = 30
#: The title of the finding about held-out texts that have a twin among the training rows.
LEAKS = "Held-out texts that are also trained on"
_SHOWN = 500
#: Letters of two or three bytes of UTF-8, each byte read as a letter of Windows-1252.
_GARBLED = "[ÃÂ][\u0080-\u00bfŒœŠšŸŽžƒˆ˜–-›€™]|â€"
#: A label with fewer rows than this is as good as absent.
_ENOUGH = 2


@dataclass(frozen=True)
class Finding:
    """Something about some rows: ``n`` of them, the first 500 named in ``row_ids``.

    ``twins`` has the row beside each of these that it is a twin of, where the finding is about twins.
    """

    title: str
    sentence: str
    n: int
    row_ids: tuple[str, ...]
    twins: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return vars(self) | {"row_ids": list(self.row_ids), "twins": list(self.twins)}


def find_issues(rows: pd.DataFrame) -> list[Finding]:
    """Return what is remarkable about a data table that has its column ``split``; an empty list if nothing is.

    What a twin is, says :mod:`finsent.data.twins`. Labels conflict over three classes (bullish and positive agree) and
    only where the digits are the same too, since "profit of 3 against 4" and "of 4 against 3" rightly differ.
    """
    away = gives_away(rows)
    rows = with_words(rows)
    near = near_in(rows)
    candidates = [
        _finding(
            rows,
            rows["text"].str.strip().duplicated(keep=False),
            "Repeated texts",
            "These texts occur more than once, letter by letter, so they count more than others.",
        ),
        _nearly_repeated(rows, near),
        _finding(
            rows,
            _several(rows[WORDS], rows["label"].map(TO_THREE)),
            "Conflicting labels",
            "The same text, apart from case, punctuation and links, has different labels; no model can be right on "
            "all of them.",
        ),
        _also_trained_on(rows, near),
        _finding(
            rows,
            away.rows if away.found and away.rows.any() else pd.Series(away.found, rows.index),
            "The prompt gives the label away",
            f"Without its text, the prompt alone tells the label of {away.told:.1%} of {away.n:,} rows (over three "
            f"classes; {away.frames:,} different prompts); the commonest label would be right on {away.chance:.1%}. A "
            "model learns that instead of the text, and figures on these rows mean little.",
        ),
        _finding(
            rows,
            ~rows["prompt"].str.endswith(PROMPT_END),
            "Prompts that end otherwise",
            f"These prompts do not end with “{PROMPT_END.strip()}” after a blank line, where a model is asked for its "
            "label; it learns and answers at another place there than on the rest.",
        ),
        _finding(
            rows,
            rows["text"].str.contains(_GARBLED, regex=True),
            "Letters that were decoded wrongly",
            "In these texts letters stand as UTF-8 looks when it is read as Windows-1252, as Ã¤ for ä: the file was "
            "written so. A model meets other letters there than in what it will read later.",
        ),
        _finding(rows, *_missing_labels(rows)),
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
    """Return the rows that a finding names, each together with the rows of nearly the same text.

    A twin of a held-out text is the one that was found, just above it. Whoever asks for several findings' rows gives
    :func:`finsent.data.twins.with_words` of the table.
    """
    if finding.twins:
        pairs = [one for pair in zip(finding.twins, finding.row_ids, strict=True) for one in pair]
        named_first: pd.DataFrame = rows.set_index("row_id", drop=False).loc[list(dict.fromkeys(pairs))]
        return named_first.reset_index(drop=True)
    keys = with_words(rows)[BARE]
    named = rows["row_id"].isin(finding.row_ids)
    shown = rows[named | keys.isin(set(keys[named]) - {""})]
    groups = pd.factorize(keys[shown.index])[0]
    return shown.iloc[groups.argsort(kind="stable")]


def _several(keys: pd.Series, values: pd.Series) -> pd.Series:
    return keys.ne("") & values.groupby(keys).transform("nunique").gt(1)


def _nearly_repeated(rows: pd.DataFrame, near: Near) -> Finding:
    """Return the rows that are nearly another one's text, each beside the first row of its group of twins."""
    groups = pd.Series(twin_groups(rows, near), rows.index)
    first = groups.drop_duplicates()
    beside = rows.loc[groups.map(pd.Series(first.index, index=first))].set_axis(rows.index)
    later = rows["text"].str.strip().ne(beside["text"].str.strip())
    of = groups[later].unique()
    across = rows["split"].groupby(groups).nunique().loc[of].gt(1).sum()
    several = f"{later.sum():,} texts are nearly those of {len(of):,} {'other' if len(of) == 1 else 'others'}"
    they = "1 text is nearly another" if later.sum() == 1 else several
    sentence = (
        f"{they}: apart from case, punctuation, links and digits "
        "they are the same, or four fifths of all their words are in both. Across splits: "
        f"{across:,} of {len(of):,}."
    )
    shown = rows.index[later][:_SHOWN]
    ids = rows["row_id"]
    return Finding(
        "Nearly repeated texts", sentence, int(later.sum()), tuple(ids[shown]), tuple(beside["row_id"][shown])
    )


def _also_trained_on(rows: pd.DataFrame, near: Near) -> Finding:
    held_out = rows[rows["split"] != "train"]
    twins = find_twins(rows[rows["split"] == "train"], held_out, near)
    split = held_out.set_index("row_id")["split"]
    with_twins, of = split.loc[twins["row_id"]].value_counts(), split.value_counts()
    counts = " and ".join(
        f"{with_twins.get(name, 0):,} of {of.get(name, 0):,} {name} texts" for name in ("test", "validation")
    )
    kinds = ", ".join(f"{(twins['kind'] == kind).sum():,} {kind}" for kind in KINDS)
    sentence = (
        f"{counts} have a twin among the training rows: {kinds} (apart from case, punctuation and links). Figures on "
        "them flatter; the split “grouped” keeps twins together."
    )
    shown = twins.head(_SHOWN)
    return Finding(LEAKS, sentence, len(twins), tuple(shown["row_id"]), tuple(shown["twin"]))


def _rarely_tested(rows: pd.DataFrame) -> pd.Series:
    test = rows["split"] == "test"
    counts = rows.loc[test, "label"].value_counts()
    return test & rows["label"].isin(counts[counts < FEW_TEST_ROWS].index)


def _missing_labels(rows: pd.DataFrame) -> tuple[pd.Series, str, str]:
    """Return the rows whose prompt offers a label that no row or one alone has, a title and a sentence about it."""
    counts = rows["label"].value_counts()
    offered = {label for answers in rows["answers"].unique() for label in split_answers(answers)}
    rare = [label for label in FIVE_LABELS if label in offered and counts.get(label, 0) < _ENOUGH]
    concerned = rows["answers"].map(lambda answers: bool(set(rare) & set(split_answers(answers))))
    if len(counts) == 1:
        sentence = (
            f"All {len(rows):,} rows are labelled {counts.index[0]}: there is nothing to tell apart, or to learn."
        )
        return concerned, "One label only", sentence
    words = ", ".join(f"{label} {counts.get(label, 0)}" for label in rare)
    sentence = (
        f"Rows of labels that the prompts offer: {words}. A label without rows, or with one, cannot be learned, and no "
        "figure tells how well it is known."
    )
    return concerned, "Labels without rows, or with one", sentence


def _finding(rows: pd.DataFrame, concerned: pd.Series, title: str, sentence: str) -> Finding:
    ids = rows.loc[concerned, "row_id"]
    return Finding(title, sentence, len(ids), tuple(ids.head(_SHOWN)))
