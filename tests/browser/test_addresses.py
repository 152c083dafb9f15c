"""The address of a page opens it, in the first visit of a server's life, too."""

import pytest

pytestmark = pytest.mark.browser


def test_the_first_visit_may_go_straight_to_a_page(app, page):
    missing = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status == 404 else None)
    page.goto(f"{app.url}/train")
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    page.get_by_text("New run").wait_for()
    assert page.get_by_text("Page not found").count() == 0
    assert page.get_by_role("link", name="Compare").count() == 1
    assert missing == []
