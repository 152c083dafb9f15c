"""The style sheet says again what the themes say, and must say the same."""

import tomllib

from finsent.files import PROJECT


def test_the_menu_of_a_narrow_screen_has_the_colours_of_the_themes():
    themes = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"]
    sheet = (PROJECT / "pages" / "style.css").read_text()
    for name in ("backgroundColor", "borderColor"):
        assert f"light-dark({themes['light'][name]}, {themes['dark'][name]})" in sheet
