"""Sampled Shapley values beside those of all orders."""

from itertools import permutations

import numpy as np
import pytest

from finsent.evaluation.shapley import sampled_shapley


def random_game(players, seed, figures=2):
    """A worth for each coalition, at random: nothing adds up by itself."""
    worths = np.random.default_rng(seed).normal(size=(2**players, figures))
    places = 2 ** np.arange(players)
    return lambda coalitions: worths[coalitions @ places]


def over_all_orders(worth, players):
    """The definition: the mean of what each player adds, over every order."""
    orders = list(permutations(range(players)))
    values = 0.0
    for order in orders:
        joined = np.zeros((players + 1, players), dtype=bool)
        for step, player in enumerate(order, start=1):
            joined[step:, player] = True
        added = np.diff(worth(joined), axis=0)
        values = values + added[np.argsort(order)]
    return values / len(orders)


@pytest.mark.parametrize("players", range(1, 8))
def test_sampled_values_lie_within_three_standard_errors_of_the_exact_ones(players):
    worth = random_game(players, seed=players)
    exact, sampled = over_all_orders(worth, players), sampled_shapley(worth, players, pairs=60, seed=1)
    assert (np.abs(sampled.values - exact) <= 3 * sampled.errors + 1e-12).all()
    assert sampled.orders == 120


def test_values_share_out_the_whole_and_errors_shrink_with_the_root_of_the_draws():
    worth = random_game(6, seed=0)
    few, many = (sampled_shapley(worth, 6, pairs, seed=3) for pairs in (50, 800))
    everything = worth(np.ones((1, 6), dtype=bool)) - worth(np.zeros((1, 6), dtype=bool))
    for sampled in (few, many):
        np.testing.assert_allclose(sampled.values.sum(axis=0), everything[0], atol=1e-9)
    assert (few.errors / many.errors).mean() == pytest.approx(4, rel=0.15)


def test_what_adds_up_is_found_exactly():
    gains = np.array([[2.0], [-1.0], [0.5]])
    sampled = sampled_shapley(lambda coalitions: coalitions @ gains, 3, pairs=2)
    np.testing.assert_allclose(sampled.values, gains)
    np.testing.assert_allclose(sampled.errors, 0, atol=1e-12)


def test_each_coalition_is_asked_for_once():
    asked = []
    sampled_shapley(lambda coalitions: asked.append(coalitions) or coalitions[:, :1], 4, pairs=50)
    (coalitions,) = asked
    assert len(coalitions) == 16 == len({tuple(one) for one in coalitions.tolist()})


def test_one_draw_has_no_error():
    with pytest.raises(ValueError, match="two pairs"):
        sampled_shapley(lambda coalitions: coalitions, 3, pairs=1)
