"""Fewer points that draw the same line."""

import numpy as np
import pandas as pd
from tsdownsample import M4Downsampler

#: More points than this cannot be told apart on a screen.
MAX_POINTS = 1_500


def thin(points: pd.DataFrame, column: str = "value", limit: int = MAX_POINTS) -> pd.DataFrame:
    """Return at most ``limit`` points that draw the same line, in order; what is no number is left out.

    Kept are the first, the last, the lowest and the highest of each stretch (M4: Jugel et al. 2014).
    """
    points = points[np.isfinite(points[column].to_numpy(dtype=float))]
    if len(points) <= limit:
        return points
    # M4 takes four points of each stretch.
    sampler = M4Downsampler()
    kept = sampler.downsample(points[column].to_numpy(dtype=float), n_out=limit - limit % 4)
    return points.iloc[np.unique(kept).astype(int)]


def thin_curves(curves: pd.DataFrame, limit: int = MAX_POINTS) -> pd.DataFrame:
    """Return a curves table with every tag thinned to at most ``limit`` points."""
    if len(curves) <= limit:
        return curves
    return pd.concat([thin(part, limit=limit) for _, part in curves.groupby("tag", sort=False)])
