"""A map of texts: those that have words in common, or that a model reads alike, stand near each other.

Tf-idf of words, reduced by a truncated singular value decomposition (latent semantic analysis: Deerwester et al. 1990),
or a model's vectors, reduced by principal components; both laid out in two dimensions by t-SNE (van der Maaten and
Hinton 2008), all scikit-learn's and seeded. t-SNE lays out some of the texts, and every other one is put among the
nearest of these, since it takes minutes for tens of thousands. Axes have no unit, and distances across the map mean
little.
"""

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError

#: Texts that t-SNE lays out, drawn with the seed.
LAID_OUT = 1_500
_FEWEST = 10
_WORDS, _DIMENSIONS, _NEIGHBOURS = 20_000, 50, 5
_STEPS, _PERPLEXITY = 500, 30


def text_map(texts: pd.Series, seed: int = 0) -> pd.DataFrame:
    """Return where each text stands, ``x`` and ``y``, with the texts' index; the same for a seed.

    Raises:
        EmptyDataError: there are fewer than ten texts, or too few words in common.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    _refuse_few(len(texts))
    weigh = TfidfVectorizer(sublinear_tf=True, max_features=_WORDS, min_df=2, dtype=np.float32)
    try:
        weighed = weigh.fit_transform(texts)
    except ValueError as error:
        raise EmptyDataError("These texts have no words in common that a map could be made of.") from error
    dimensions = min(_DIMENSIONS, weighed.shape[1] - 1, len(texts) - 1)
    if dimensions < 2:
        raise EmptyDataError("These texts have too few words in common for a map.")
    reduced = TruncatedSVD(dimensions, n_iter=2, random_state=seed).fit_transform(weighed)
    return _laid_out(reduced, texts.index, seed)


def vector_map(vectors: np.ndarray, index: pd.Index, seed: int = 0) -> pd.DataFrame:
    """Return where each text stands as :func:`text_map` does, by one vector a text; the same for a seed.

    Raises:
        EmptyDataError: there are fewer than ten texts, or all have the same vector.
    """
    from sklearn.decomposition import PCA

    _refuse_few(len(vectors))
    if not np.ptp(vectors, axis=0).any():
        raise EmptyDataError("These texts are all the same to the model, so there is nothing to map.")
    dimensions = min(_DIMENSIONS, vectors.shape[1], len(vectors) - 1)
    return _laid_out(PCA(dimensions, random_state=seed).fit_transform(vectors), index, seed)


def _refuse_few(texts: int) -> None:
    if texts < _FEWEST:
        raise EmptyDataError(f"There are {texts} texts; a map needs {_FEWEST} or more.")


def _laid_out(reduced: np.ndarray, index: pd.Index, seed: int) -> pd.DataFrame:
    """Return the places of vectors of few dimensions, of which the direction counts and not the length."""
    from sklearn.manifold import TSNE
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.preprocessing import normalize

    reduced = normalize(reduced)
    some = np.sort(np.random.default_rng(seed).permutation(len(reduced))[:LAID_OUT])
    perplexity = min(_PERPLEXITY, (len(some) - 1) / 3)
    layout = TSNE(2, perplexity=perplexity, max_iter=_STEPS, init="pca", random_state=seed)
    places = np.empty((len(reduced), 2))
    places[some] = layout.fit_transform(reduced[some])
    others = np.setdiff1d(np.arange(len(reduced)), some)
    if len(others):
        near = KNeighborsRegressor(_NEIGHBOURS, weights="distance").fit(reduced[some], places[some])
        places[others] = near.predict(reduced[others])
    return pd.DataFrame(places, columns=["x", "y"], index=index)
