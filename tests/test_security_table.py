"""The table of attacks in the documents is that of the tests as they are."""

import re

import pytest

from tests.conftest import ROOT
from tests.security_table import listed, named

TABLE = ROOT / "docs" / "security.md"


@pytest.fixture(scope="module")
def lines():
    return listed(TABLE)


def test_it_has_many_cases_each_of_which_passed_on_a_day(lines):
    assert len(lines) >= 80
    for tried, must, happened, _ in lines:
        assert tried and must
        assert re.fullmatch(r"passed, \d{4}-\d\d-\d\d", happened), (tried, happened)


def test_every_line_is_a_test_of_this_suite(lines):
    for *_, test in lines:
        file, _, rest = test.strip("`").partition("::")
        function = rest.partition("[")[0].rpartition("::")[2]
        assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_every_marked_test_is_in_the_table(lines, request):
    known = {test.strip("`") for *_, test in lines}
    marked = {named(item.nodeid) for item in request.session.items if item.get_closest_marker("security")}
    assert marked <= known, f"write the table anew, its head says how: {sorted(marked - known)[:3]}"
