"""The labelled texts most like a given one, by the cosine of their tf-idf vectors."""

import pandas as pd

from finsent.errors import EmptyDataError


class Neighbours:
    """An index of labelled texts, built once and asked many times.

    Words and pairs of words are weighted by tf-idf with sublinear counts (Manning, Raghavan and Schütze 2008,
    section 6.4), so that a name or a phrase that few texts share says more than a word that all of them share.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        """Index a table with the columns ``row_id, text, label``.

        Raises:
            EmptyDataError: it has no rows, or no row has a word.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.rows = rows.reset_index(drop=True)
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), strip_accents="unicode")
        try:
            self._vectors = self._vectorizer.fit_transform(self.rows["text"])
        except ValueError as error:
            raise EmptyDataError("There is no text to look for similar ones in.") from error

    def of(self, text: str, count: int = 5, labels: tuple[str, ...] | None = None) -> pd.DataFrame:
        """Return the rows most like a text, the nearest first, with their ``similarity`` (0 to 1).

        Rows that share no word with it are left out, so that there can be fewer than ``count``, and words of the text
        that no row has count for nothing. ``labels`` limits the search to rows with these labels.
        """
        similarity = (self._vectors @ self._vectorizer.transform([text]).T).toarray().ravel()
        found = self.rows.assign(similarity=similarity.clip(0, 1))
        if labels is not None:
            found = found[found["label"].isin(labels)]
        found = found[found["similarity"] > 0].sort_values("similarity", ascending=False, kind="stable")
        return found.head(count).reset_index(drop=True)
