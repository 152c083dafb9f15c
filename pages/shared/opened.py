"""Tables whose rows open: the opened one stands in the address, and is open again after a change of page.

An address counts when it is opened, for example by a link or a refresh. The browser may send the same one again with
what the visitor did since, before it has caught up; then it must not undo that.
"""

from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pages.shared.ui import say_cut

#: So many rows a table that opens them shows at most; the download beside it has all.
MAX_ROWS = 1_000
#: How a table is chosen from whose rows open: by the box before a row, by a click on a cell, or with the arrow keys.
OPENS: list[Literal["single-row", "single-cell"]] = ["single-row", "single-cell"]
#: Not widgets' keys: they must outlive a run of the page. Which page is shown, and what its address has said, by name.
_PAGE, _SAID = "address-page", "address-said"
#: Not a widget's key: what was ticked and clicked in the tables that were shown last, and whether the click counts.
_CHOSEN = "chosen-in-tables"
_TABLES_KEPT = 20
#: What an address calls the number of a link that counts once; not a widget's key: those that were followed.
_NUMBER = "link"
_LINKS = "links-followed"


def come_to(page: str) -> None:
    """Let the address count anew where another page is shown than before; call it once in a run of the app."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_SAID] = page, {}


def followed(name: str) -> list[str]:
    """Return what the address says under a name, or nothing where it has said so before on this page."""
    said = st.query_params.get_all(name)
    return said if _is_news(name, said) else []


def say_in_address(name: str, values: list[str]) -> None:
    """Write values into the address under a name, as what the page itself says there: it is no link to be followed."""
    if values:
        st.query_params[name] = values
    else:
        st.query_params.pop(name, None)
    _is_news(name, values)


def _is_news(name: str, values: list[str]) -> bool:
    """Return whether the address has not said this on the page before; from now on it has."""
    before: list[list[str]] = st.session_state.setdefault(_SAID, {}).setdefault(name, [[]])
    if values in before:
        return False
    before.append(values)
    return True


def numbered(name: str, value: str) -> dict[str, str]:
    """Return what an address says for a link that counts once, with its number among those that were followed."""
    return {name: value, _NUMBER: str(len(st.session_state.get(_LINKS, [])))}


def follow_numbered(name: str) -> str | None:
    """Return what a link of :func:`numbered` says that was just followed, else None; the address loses it."""
    value, number = st.query_params.pop(name, None), st.query_params.pop(_NUMBER, "")
    before = st.session_state.setdefault(_LINKS, [])
    if value is None or (name, value, number) in before:
        return None
    before.append((name, value, number))
    return value


def is_opened(name: str, ids: pd.Series) -> bool:
    """Whether one of some rows is open, by the address or by what was opened before; nothing of that is changed."""
    return bool({*st.query_params.get_all(name), st.session_state.get(_kept(name))} & {*ids})


def forget_opened(name: str) -> None:
    """Let no row be open in the table that a name stands for."""
    st.session_state.pop(_kept(name), None)
    say_in_address(name, [])


def opened_places(event: Any, key: str) -> list[int]:
    """Return which rows of a table (by its ``key``) the visitor chose: the ticked ones, or that of a clicked cell.

    A click leaves the ticks as they are, and a tick the clicked cell; what was done last counts.
    """
    ticked, clicked = list(event.selection.rows), [tuple(cell) for cell in event.selection.cells]
    kept = st.session_state.setdefault(_CHOSEN, {})
    before = kept.get(key, ([], [], False))
    if (ticked, clicked) != before[:2]:
        kept.pop(key, None)
        kept[key] = before = (ticked, clicked, bool(clicked) and clicked != before[1])
        for oldest in list(kept)[:-_TABLES_KEPT]:
            del kept[oldest]
    return [row for row, _ in clicked] if before[2] else ticked


def opened_place(event: Any, key: str) -> int | None:
    """Return which row of a table the visitor opened, see :func:`opened_places`; None for none."""
    return next(iter(opened_places(event, key)), None)


def table_that_opens(rows: pd.DataFrame, key: str, name: str, columns: list[str], **look: Any) -> pd.Series | None:
    """Show columns of rows (``row_id``) as a table, and return the row that a visitor has opened, or None.

    ``name`` is what the address calls the opened row, the only such one that is shown. ``key`` says what the table is
    of: other rows are another table, since a choice is a place in it. ``columns`` that rows lack are passed over, and
    ``look`` is for ``st.dataframe``.
    """
    wanted = next(iter(followed(name)), st.session_state.get(_kept(name)))
    ids = rows["row_id"].tolist()
    event = st.dataframe(
        rows[[column for column in columns if column in rows]],
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode=OPENS,
        selection_default={"selection": {"rows": [ids.index(wanted)] if wanted in ids else []}},
        **look,
    )
    place = opened_place(event, key)
    if place is None or place >= len(ids):
        forget_opened(name)
        return None
    st.session_state[_kept(name)] = ids[place]
    say_in_address(name, [ids[place]])
    return rows.iloc[place]


def rows_that_open(
    rows: pd.DataFrame,
    key: str,
    name: str,
    columns: list[str],
    config: dict[str, Any],
    show: Callable[[pd.Series], None],
    caption: str = "",
    **look: Any,
) -> None:
    """Show the first of some rows (``text, row_id``) as a table, and the one that a visitor chooses below it.

    ``key``, ``name`` and ``look`` are as in :func:`table_that_opens`.
    """
    row = table_that_opens(
        rows.head(MAX_ROWS),
        key,
        name,
        columns,
        height=min(420, 40 + 36 * len(rows)),
        column_config={
            "text": st.column_config.TextColumn(width="large"),
            "row_id": st.column_config.TextColumn("row"),
        }
        | config,
        **look,
    )
    if caption:
        st.caption(caption)
    if row is not None:
        with st.container(border=True):
            show(row)
    say_cut(MAX_ROWS, len(rows))


def _kept(name: str) -> str:
    """Return where the opened row is kept: no widget's key, so that it outlives a change of page."""
    return f"opened-{name}"
