"""Shapley values by sampling orders: what each player adds, on average over the orders in which all may join.

A few dozen lines of our own, since libraries that have them bring hundreds of megabytes that nothing else here needs,
or give no standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finsent.metrics.statistics import Numbers

#: Takes which players are in, shape (coalitions, players) of bool; returns their worth, (coalitions, figures).
Worth = Callable[[Numbers], Numbers]


@dataclass(frozen=True)
class Shapley:
    """Each player's value and its standard error, both of shape (players, figures), from ``orders`` sampled orders."""

    values: Numbers
    errors: Numbers
    orders: int


def sampled_shapley(worth: Worth, players: int, pairs: int, seed: int = 0) -> Shapley:
    """Return the Shapley values of players, estimated from ``pairs`` random orders and the reverse of each.

    Each order lets the players join one by one and gives each what the worth changes by (Castro, Gómez and Tejada
    2009). An order and its reverse are one draw, whose mean varies less than that of two orders (Mitchell et al.
    2022); the standard error is that of the mean of the draws. The values of all players sum to the worth of all of
    them minus that of none, exactly. Each coalition is asked for once, all of them in one call.

    Raises:
        ValueError: fewer than two pairs, which have no standard error.
    """
    if pairs < 2:
        raise ValueError("a standard error takes two pairs of orders or more")
    random = np.random.default_rng(seed)
    orders = [order for _ in range(pairs) for one in [random.permutation(players)] for order in (one, one[::-1])]
    # joined[order, step] are the players that are in after so many have joined.
    joined = np.zeros((len(orders), players + 1, players), dtype=bool)
    for number, order in enumerate(orders):
        for step, player in enumerate(order, start=1):
            joined[number, step:, player] = True
    coalitions, places = np.unique(joined.reshape(-1, players), axis=0, return_inverse=True)
    worths = np.asarray(worth(coalitions), dtype=float)[places].reshape(len(orders), players + 1, -1)
    added = np.empty((len(orders), players, worths.shape[-1]))
    for number, order in enumerate(orders):
        added[number, order] = np.diff(worths[number], axis=0)
    draws = added.reshape(pairs, 2, players, -1).mean(axis=1)
    return Shapley(draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(pairs), 2 * pairs)
