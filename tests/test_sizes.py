"""Numbers of bytes in words."""

import pytest

from finsent.sizes import fitting_unit, size_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (812, "812 bytes"),
        (999, "999 bytes"),
        (999.6, "1.00 KB"),
        (3_140, "3.14 KB"),
        (26_940_000, "26.9 MB"),
        (99_960_000, "100 MB"),
        (269_060_552, "269 MB"),
        (999_600_000, "1.00 GB"),
        (1_520_000_000, "1.52 GB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_a_size_has_three_digits_in_the_unit_that_fits(size, words):
    assert size_words(size) == words


def test_a_column_has_one_unit():
    assert fitting_unit(2_500_000) == (1e6, "MB")
