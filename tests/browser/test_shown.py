"""In a browser: nothing that stands in a row, a run, a file or an address asks for anything or becomes a link."""

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import App
from tests.browser.test_lab import assert_no_error, open_page, unfold
from tests.hostile import plant

pytestmark = pytest.mark.browser
#: The addresses of everything on a page that names another place than this app.
FOREIGN = """
() => [...document.querySelectorAll("a, img, iframe, script, link, source, use")]
  .map(one => one.href?.baseVal ?? one.href ?? one.src ?? "")
  .filter(address => address && !["data:", "blob:"].includes(new URL(address, location).protocol))
  .filter(address => new URL(address, location).origin !== location.origin)
"""


@pytest.fixture
def planted(tmp_path):
    app = App(tmp_path / "runs", tmp_path / "app.log")
    app.runs_dir.mkdir()
    addresses = plant(app.runs_dir, tmp_path)
    app.start()
    yield app, addresses
    app.stop()


@pytest.mark.security(
    "Images, links and addresses in every field, seen with a browser on every page",
    "No request leaves for them, and none of them is an image or a link",
)
def test_no_page_asks_for_what_a_field_names(planted, page):
    app, addresses = planted
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path, query in addresses.items():
        pairs = (part.partition("=") for part in query.split("&") if part)
        address = "&".join(f"{name}={quote(value)}" for name, _, value in pairs)
        open_page(page, f"{app.url}/{path.strip()}?{address}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        unfold(page)
        page.wait_for_timeout(500)
        assert_no_error(page)
        assert page.evaluate(FOREIGN) == [], path
    local = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(local)] == []
