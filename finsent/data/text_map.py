"""A map of texts: those that have words in common stand near each other.

Tf-idf of words, reduced by a truncated singular value decomposition (latent semantic analysis: Deerwester et al. 1990),
and laid out in two dimensions by t-SNE (van der Maaten and Hinton 2008), all scikit-learn's and seeded. t-SNE lays out
some of the texts, and every other one is put among the nearest of these, since it takes minutes for tens of thousands.
Axes have no unit, and distances across the map mean little.
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
    from sklearn.manifold import TSNE
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.preprocessing import normalize

    if len(texts) < _FEWEST:
        raise EmptyDataError(f"There are {len(texts)} texts; a map needs {_FEWEST} or more.")
    weigh = TfidfVectorizer(sublinear_tf=True, max_features=_WORDS, min_df=2, dtype=np.float32)
    try:
        weighed = weigh.fit_transform(texts)
    except ValueError as error:
        raise EmptyDataError("These texts have no words in common that a map could be made of.") from error
    dimensions = min(_DIMENSIONS, weighed.shape[1] - 1, len(texts) - 1)
    if dimensions < 2:
        raise EmptyDataError("These texts have too few words in common for a map.")
    reduced = normalize(TruncatedSVD(dimensions, n_iter=2, random_state=seed).fit_transform(weighed))
    some = np.sort(np.random.default_rng(seed).permutation(len(texts))[:LAID_OUT])
    perplexity = min(_PERPLEXITY, (len(some) - 1) / 3)
    layout = TSNE(2, perplexity=perplexity, max_iter=_STEPS, init="pca", random_state=seed)
    places = np.empty((len(texts), 2))
    places[some] = layout.fit_transform(reduced[some])
    others = np.setdiff1d(np.arange(len(texts)), some)
    if len(others):
        near = KNeighborsRegressor(_NEIGHBOURS, weights="distance").fit(reduced[some], places[some])
        places[others] = near.predict(reduced[others])
    return pd.DataFrame(places, columns=["x", "y"], index=texts.index)
