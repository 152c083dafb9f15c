"""The table of attacks in docs/security.md, written by the tests that try them.

``pytest -m security --security-table=docs/security.md`` runs every test with the mark ``security(tried, must)`` and
writes what became of it. A case of a parametrised test is a line of its own.
"""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

_PROPERTY = "security"
HEAD = """# What is tried against finsent, and what happens

{n} cases. Each line is a test that is part of continuous integration; this table was written by them, with:

```bash
python -m pytest -m security --security-table=docs/security.md
```

| What is tried | What must happen | What happened | Test |
|---|---|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--security-table", type=Path, help="write the table of attacks and their outcomes to this file")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--security-table")
    # Where tests are spread over processes, the one that hears from all of them writes.
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SecurityTable(path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for mark in item.iter_markers("security"):
        tried, must = mark.args
        report.user_properties.append((_PROPERTY, [f"{tried}{_which(item)}", must]))
    return report


class SecurityTable:
    """Collects the reports of the marked tests, and writes the table when the session ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = dict(report.user_properties).get(_PROPERTY)
        if said and (report.when == "call" or not report.passed):
            happened = f"{report.outcome}, {datetime.now(UTC):%Y-%m-%d}"
            self.lines[report.nodeid] = [*said, happened, f"`{named(report.nodeid)}`"]

    def pytest_sessionfinish(self) -> None:
        before = {cells[-1]: cells for cells in listed(self.path)} if self.path.exists() else {}
        for nodeid, cells in list(self.lines.items()):
            # What takes minutes is left out at most times, and keeps what became of it the last time.
            if cells[2].startswith("skipped"):
                self.lines[nodeid] = before.get(cells[-1], cells)
        lines = [_line(self.lines[nodeid]) for nodeid in sorted(self.lines)]
        self.path.write_text(HEAD.format(n=len(lines)) + "".join(lines), encoding="utf-8")


def listed(path: Path) -> list[list[str]]:
    """Return what a written table says: tried, must, happened and the test of each line."""
    return list(_rows(path.read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| What is tried"):
            yield line.removeprefix("| ").removesuffix(" |").split(" | ")


def _which(item: pytest.Item) -> str:
    """Return which case of a parametrised test this is, in brackets; "" of others."""
    callspec = getattr(item, "callspec", None)
    return f" ({named(callspec.id)})" if callspec and callspec.id else ""


def named(text: str) -> str:
    """Return a text that can stand in a cell: what Markdown or the table would read is taken away."""
    return "".join(mark if mark.isalnum() or mark in " -_./:,[]=@+'" else "." for mark in text)[:200]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"
