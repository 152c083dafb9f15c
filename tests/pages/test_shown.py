"""What is quoted from rows, runs, files and addresses is shown letter by letter, on every page."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

from pages.shared import places
from pages.shared.ui import plain_markdown
from tests.hostile import EVIL, READ, plant

ROOT = Path(__file__).parents[2]
PAGES = {name: place for name, place in vars(places).items() if name.isupper()}
#: Fields of Streamlit's elements that it reads as Markdown, and elements that show theirs letter by letter.
MARKDOWN = {"body", "label", "help", "caption", "captions", "text", "title"}
AS_IT_IS = {"text", "code", "arrow_data_frame", "plotly_chart", "json"}
VISITS = [
    *["", "dataset", "dataset ", "model", "train", "train ", "train  ", "compare", "compare ", "neutral", "neutral "],
    *["headlines", "runs", "runs ", "runs  ", "runs   "],
]


def shown(node) -> Iterator[str]:
    """Every text of a page that Streamlit would read as Markdown, labels and hints included."""
    proto = getattr(node, "proto", None)
    if proto is not None and node.type not in AS_IT_IS:
        yield from strings(MessageToDict(proto))
    for child in getattr(node, "children", {}).values():
        yield from shown(child)


def strings(value) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and name in MARKDOWN:
                yield part
            elif isinstance(part, dict | list):
                yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


@pytest.fixture
def addresses(runs_dir, tmp_path):
    return plant(runs_dir, tmp_path)


@pytest.mark.security(
    "Markdown, HTML, LaTeX, addresses, icons and colours in rows, names, notes, errors, files and addresses",
    "The page shows them letter by letter",
)
@pytest.mark.parametrize("visit", VISITS)
def test_what_is_quoted_is_shown_as_it_is(addresses, visit):
    assert list(addresses) == VISITS
    app = AppTest.from_file(ROOT / "pages" / "app.py", default_timeout=60).run()
    for name, value in parse_qsl(addresses[visit], keep_blank_values=True):
        app.query_params[name] = [*app.query_params.get(name, []), value]
    app.switch_page(PAGES[visit.strip().upper() or "LAB"]).run()
    assert not app.exception
    texts = [text for block in (app.main, app.sidebar) for text in shown(block)]
    for text in texts:
        assert not [mark for mark in READ if mark in text.replace("\\<", "")], text
    # The line above each page has no more than the beginning of a name.
    assert any(plain_markdown(EVIL[:25]) in text for text in texts)
    for chart in app.get("plotly_chart"):
        assert "<img" not in chart.proto.spec


def test_no_page_shows_a_table_without_a_download_of_the_apps_own():
    for path in (ROOT / "pages").rglob("*.py"):
        source = path.read_text()
        downloads = re.findall(r"\b(?:st\.download_button|csv_button)\(", source)
        # Whoever shows a table whose rows open has its download beside it.
        if path.name != "opened.py":
            tables = re.findall(r"\b(?:dataframe|table_that_opens|rows_that_open)\(", source)
            assert len(tables) <= len(downloads), path


@pytest.mark.security("A table's own export, which writes formulas", "It is switched off; the app's own is there")
def test_the_export_of_the_tables_themselves_is_off():
    config = (ROOT / ".streamlit" / "config.toml").read_text()
    assert re.search(r"\[client\][^\[]*\ndisableDataExport = true\n", config)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a [b](c)", r"a \[b\]\(c\)"),
        ("http://a", "http\\:\u2060//a"),
        ("www.a", "www\u2060\\.a"),
        ("a@b", "a\u2060@b"),
        ("10:30, --runs-dir and a: b", r"10\:30, \-\-runs\-dir and a\: b"),
        ("a -> b", "a \\-\u2060\\> b"),
    ],
)
def test_marks_are_escaped_and_what_is_read_afterwards_is_kept_apart(text, escaped):
    assert plain_markdown(text) == escaped
