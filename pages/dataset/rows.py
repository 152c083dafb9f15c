"""The rows of the Dataset page: searched, filtered, and one opened as prompt, answer and tokens."""

from typing import Any
from urllib.parse import quote, urlencode

import pandas as pd
import streamlit as st

from finsent.data.browse import LENGTH, ORDERS, TASK_COLUMN, filter_rows, places_in_order, rows_in_order
from finsent.data.splits import SPLITS
from finsent.data.sujet import TASK
from finsent.errors import FinsentError
from finsent.inference import token_view
from finsent.labels import FIVE_LABELS
from finsent.models.base import MODELS
from finsent.prompts import completion
from pages.shared.opened import table_that_opens
from pages.shared.pressed import fragment
from pages.shared.typed import chosen, may_read
from pages.shared.ui import csv_button, marked, plain_markdown, show_table

COLUMNS = ["row_id", "label", "text", "split", "source", "topic"]
PAGE_ROWS = 2_000
#: Rows of a page whose hits are marked in their texts.
MARKED_ROWS = 20
_AS_READ = "as in the file"
#: What the address calls the opened row.
OPENED = "row"
#: The filters of which several values can be chosen, each by its name in the table.
_FILTERS = ("label", "split", "source", "topic", "task")
#: Not a widget's key: the length of the longest text of the data that were shown last.
_LONGEST = "longest-shown"


@st.cache_resource(max_entries=2, show_spinner="Loading the tokenizer …")
def tokenizer_of(model: str) -> Any:
    return token_view.load_tokenizer(model)


@fragment
def browse(rows: pd.DataFrame, table: pd.DataFrame) -> None:
    # A fragment: a search or a choice runs this part of the page alone.
    with st.container(key="filters"):
        found, order, search = filters(table)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = 1
    columns = [*shown_columns(rows), *([TASK_COLUMN] if len(table) > len(rows) else []), LENGTH]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(found):,}** of {len(table):,} rows. Choose one to open it.", width="content")
        if pages > 1:
            # A table that can be chosen from is sent to the browser whole, so a large one goes in pages.
            page = st.number_input(f"Page, of {pages}", 1, pages, key="page", bind="query-params", width=140)
        csv_button(
            "Download as CSV",
            lambda: found[[*columns, "answers"]].iloc[places_in_order(found, order)],
            "finsent_rows.csv",
            disabled=found.empty,
        )
    if found.empty:
        st.info("No row matches. Clear the search or a filter.", icon=":material/filter_alt_off:")
        return
    shown = rows_in_order(found, order, (page - 1) * PAGE_ROWS, page * PAGE_ROWS)
    row = table_that_opens(
        shown,
        f"rows-{order}-{pd.util.hash_pandas_object(shown['row_id'], index=False).sum()}",
        OPENED,
        columns,
        height=min(423, 38 + 35 * len(shown)),
        column_config={
            "row_id": st.column_config.TextColumn("id", width="small"),
            "label": st.column_config.TextColumn(width="small"),
            "text": st.column_config.TextColumn(width="large"),
            "split": st.column_config.TextColumn(width="small"),
            LENGTH: st.column_config.NumberColumn("characters", width="small"),
        },
    )
    if search:
        marked_hits(shown.head(MARKED_ROWS), search)
    if row is None:
        return
    if row[TASK_COLUMN] == TASK:
        open_row(rows, row)
    else:
        st.caption(f"Row {plain_markdown(row['row_id'])}, an example of {plain_markdown(row[TASK_COLUMN])}:")
        st.code(row["text"], language=None, wrap_lines=True)
        st.caption("Its answer:")
        st.code(row["label"], language=None, wrap_lines=True)


def filters(table: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """Show search, filters and order; return the rows that match, their order, and what is searched for."""
    first, *places = st.columns([2, 1, 1, 1, 1])
    search = first.text_input(
        "Search the texts",
        key="search",
        bind="query-params",
        type="search",
        live=True,
        placeholder="any part, for example: profit",
    )
    sentiment = table[TASK_COLUMN] == TASK
    labels = set(table.loc[sentiment, "label"].unique())
    options = {
        "label": [label for label in FIVE_LABELS if label in labels],
        "split": list(SPLITS),
        "source": sorted(table["source"].unique()),
        "topic": sorted(set(table["topic"].unique()) - {""}),
    }
    chosen_values = {
        name: _keep(place, name, values) for place, (name, values) in zip(places, options.items(), strict=True)
    }
    first, second, third, _ = st.columns([2, 1, 1, 2])
    longest = max(int(table[LENGTH].max()), 1)
    _keep_within(longest)
    length = first.slider("Characters", 0, longest, (0, longest), key="length", bind="query-params")
    order = second.selectbox("Order", [_AS_READ, *ORDERS], key="order", bind="query-params")
    if not sentiment.all():
        chosen_values["task"] = _keep(third, "task", sorted(table[TASK_COLUMN].unique()))
    return filter_rows(table, search, length, **chosen_values), order, search


def clear_filters() -> None:
    """Let no search and no filter, chosen for other data, hide rows of those that are shown next; call it before them.

    The address forgets them, too. The order stays: it hides nothing.
    """
    st.session_state["search"] = ""
    st.session_state["page"] = 1
    for name in _FILTERS:
        st.session_state[name] = []
    if (longest := st.session_state.get(_LONGEST)) is not None:
        st.session_state["length"] = (0, longest)


def filters_in_address() -> bool:
    """Whether the address filters the rows; asked before the filters are shown."""
    return any(name in st.query_params for name in ("search", "length", *_FILTERS))


def _keep_within(longest: int) -> None:
    """Fit the lengths that were chosen for other data to these, whose longest text has so many characters.

    All lengths of those are all of these; and a slider cannot stand beyond its end.
    """
    before, chosen = st.session_state.get(_LONGEST), st.session_state.get("length")
    st.session_state[_LONGEST] = longest
    if chosen is not None and before not in (None, longest):
        low, high = chosen
        st.session_state["length"] = (min(low, longest), longest if high == before else min(high, longest))


def _keep(place: Any, name: str, values: list[str]) -> list[str]:
    kept: list[str] = place.multiselect(
        name.capitalize(),
        values,
        key=name,
        bind="query-params",
        placeholder="all" if values else "none in these data",
        disabled=not values,
    )
    return kept


def marked_hits(rows: pd.DataFrame, search: str) -> None:
    with st.expander(f"The hits in the first {len(rows):,} texts", key="hits", on_change="rerun") as part:
        if part.open:
            for row_id, text in zip(rows["row_id"], rows["text"], strict=True):
                st.markdown(f"{plain_markdown(row_id)}: {marked(text, search)}")


def shown_columns(rows: pd.DataFrame) -> list[str]:
    return COLUMNS if rows["topic"].any() else [name for name in COLUMNS if name != "topic"]


def _link() -> str:
    """Return the address of what is shown: data, filters, the opened row."""
    return f"{st.context.url}?{urlencode(st.query_params.to_dict(), quote_via=quote)}"


def open_row(rows: pd.DataFrame, row: pd.Series, key: str = "tokenizer") -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Prompt and answer")
        st.caption(f"Row {plain_markdown(row['row_id'])}, {row['split']} split. The prompt, byte for byte:")
        st.code(row["prompt"], language=None, wrap_lines=True)
        st.caption(f"The answer to learn, one space and the label; allowed are {row['answers'].replace('|', ', ')}:")
        st.code(completion(row["label"]), language=None)
        with st.popover("Copy link", icon=":material/link:"):
            st.code(_link(), language=None, wrap_lines=True)
    with right:
        st.subheader("Tokens")
        model = st.selectbox(
            "Tokenizer of",
            list(MODELS),
            format_func=MODELS.__getitem__,
            key=key,
            bind="query-params",
            on_change=chosen,
            args=(key,),
        )
        if not may_read(model=model):
            return
        try:
            tokens = token_view.token_table(tokenizer_of(model), rows, row["row_id"])
        except FinsentError as error:
            st.warning(plain_markdown(str(error)), icon=":material/cloud_off:")
            return
        st.caption(
            f"{len(tokens)} tokens. The loss counts {tokens['answer_loss'].sum()} of them on the answer alone, "
            f"{tokens['sequence_loss'].sum()} on the whole sequence. {tokens['shared'].sum()} are the same in every "
            "prompt of this kind and computed once a batch. The last token stands first; · is a space, ↵ a line end."
        )
        show_table(
            tokens[::-1],
            f"{key}-tokens",
            hide_index=False,
            height=330,
            column_config={
                "_index": st.column_config.NumberColumn("place", width=48),
                "token": st.column_config.TextColumn(width=95),
                "id": st.column_config.NumberColumn(width=54, format="%d"),
                "answer_loss": st.column_config.CheckboxColumn(
                    "answer loss", width=88, help="Supervised where the loss is on the answer alone."
                ),
                "sequence_loss": st.column_config.CheckboxColumn(
                    "sequence loss", width=104, help="Supervised where the loss is on the whole sequence."
                ),
                "shared": st.column_config.CheckboxColumn(
                    "shared", width=65, help="In the prefix that all prompts of this kind begin with."
                ),
            },
        )
