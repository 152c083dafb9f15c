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
        from sklearn.neighbors import NearestNeighbors

        self.rows = rows.reset_index(drop=True)
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), strip_accents="unicode")
        try:
            vectors = self._vectorizer.fit_transform(self.rows["text"])
        except ValueError as error:
            raise EmptyDataError("There is no text to look for similar ones in.") from error
        self._index = NearestNeighbors(n_neighbors=len(self.rows), metric="cosine").fit(vectors)

    def of(self, text: str, count: int = 5, labels: tuple[str, ...] | None = None) -> pd.DataFrame:
        """Return the rows most like a text, the nearest first, with their ``similarity`` (0 to 1).

        Rows that share no word with it are left out, so that there can be fewer than ``count``, and words of the text
        that no row has count for nothing. ``labels`` limits the search to rows with these labels.
        """
        distances, places = self._index.kneighbors(self._vectorizer.transform([text]))
        # All of them, since the nearest may have another label. What differs by rounding is equal, and of equals the
        # first in the table comes first.
        near = pd.Series(1 - distances[0], index=places[0]).clip(0, 1).round(12).sort_index()
        near = near[near > 0].sort_values(ascending=False, kind="stable")
        if labels is not None:
            near = near[self.rows["label"].isin(labels).loc[near.index]]
        near = near.head(count)
        return self.rows.loc[near.index].assign(similarity=near).reset_index(drop=True)
