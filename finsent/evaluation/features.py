"""Features of a text that a reader can check at a glance: what a group of errors may share."""

import re

import numpy as np
import pandas as pd

from finsent.data.neighbours import Neighbours
from finsent.labels import split_answers
from finsent.metrics.statistics import Numbers
from finsent.metrics.words import is_grammar

#: Each feature with the pattern that it is about; case does not matter unless it says so.
PATTERNS = {
    "has a number": r"\d",
    "names a currency": r"[$€£¥]|\b(?:EUR|USD|GBP|SEK|NOK|DKK|CHF|JPY|euros?|dollars?|pounds?|kron[ae]r?)\b",
    "has a per cent": r"%|\bper ?cent\b",
    "has a negation": r"\b(?:not?|never|none|nor|without|neither|cannot|fail(?:s|ed)? to)\b|n't\b",
    "speaks of the future": r"\b(?:will|shall|going to|plans?|planned|expects?|expected|aims?|intends?|next)\b",
    "speaks of the past": r"\b(?:was|were|had|did|ago|last|earlier|previous(?:ly)?|compared (?:to|with))\b",
    "hedges": r"\b(?:may|might|could|possibl[ey]|likely|perhaps|appears?|seems?|reportedly|estimated?|about|around)\b",
    "asks a question": r"\?",
}
#: Two words with capitals in a row, a company's form, or a market's short name: kept as they are written.
_COMPANY = r"\b[A-Z][a-z]+ [A-Z][A-Za-z]+\b|\b(?:Inc|Corp|Ltd|plc|PLC|Oyj|AG|SA|NV|AB|Group|Bank)\b|\$[A-Z]{1,6}\b"
#: Words are features where so many of the rows by which groups are chosen have them; the most frequent ones.
_SHARE_OF_ROWS, _FEWEST_ROWS, _MOST_WORDS, _MOST_NAMES = 0.05, 8, 150, 20
_SIMILAR = 5


def readable_features(rows: pd.DataFrame, training: pd.DataFrame | None, chosen: Numbers) -> pd.DataFrame:
    """Return one column a feature, 0 or 1 but for the number of ``words``, for rows ``text, label, source, topic``.

    Only the ``chosen`` rows decide which words, sources and topics are features. ``training`` adds whether most of
    the similar training rows have another label.
    """
    texts = rows["text"]
    columns: dict[str, Numbers] = {"words": texts.map(lambda text: len(text.split())).to_numpy()}
    for name, pattern in PATTERNS.items():
        columns[name] = texts.str.contains(pattern, flags=re.IGNORECASE, regex=True).to_numpy(dtype=int)
    columns["names a company"] = texts.str.contains(_COMPANY, regex=True).to_numpy(dtype=int)
    for column in ("source", "topic"):
        for value in rows.loc[chosen, column].replace("", np.nan).value_counts().head(_MOST_NAMES).index:
            columns[f"{column} {value}"] = (rows[column] == value).to_numpy(dtype=int)
    columns |= _words(texts, chosen)
    if training is not None and len(training):
        columns["most similar training rows have another label"] = _taught_otherwise(rows, training)
    return pd.DataFrame(columns)


def _words(texts: pd.Series, chosen: Numbers) -> dict[str, Numbers]:
    from sklearn.feature_extraction.text import CountVectorizer

    fewest = max(_FEWEST_ROWS, int(np.ceil(_SHARE_OF_ROWS * chosen.sum())))
    counter = CountVectorizer(binary=True, token_pattern=r"(?u)\b[^\W\d_][^\W\d_]+\b")
    try:
        counter.fit(texts[chosen])
    except ValueError:
        return {}
    present = counter.transform(texts)
    words = pd.Series(counter.get_feature_names_out())
    often = np.asarray(present[chosen].sum(axis=0)).ravel()
    counts = pd.Series(often)[~is_grammar(words)]
    frequent = counts[counts >= fewest].nlargest(_MOST_WORDS).index
    return {f"has “{words[place]}”": present[:, place].toarray().ravel() for place in frequent}


def _taught_otherwise(rows: pd.DataFrame, training: pd.DataFrame) -> Numbers:
    index = Neighbours(training)
    found = []
    for text, label, answers in zip(rows["text"], rows["label"], rows["answers"], strict=True):
        near = index.of(text, _SIMILAR, split_answers(answers))["label"]
        found.append(int(len(near) > 0 and (near == label).mean() < 0.5))
    return np.array(found)
