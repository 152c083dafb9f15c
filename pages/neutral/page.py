"""Neutral news: the neutral texts that a run's models get wrong, one by one, and what they have in common."""

import pandas as pd
import streamlit as st

from finsent.charts.neutral import group_figure
from finsent.evaluation.neutral_errors import (
    OUTCOMES,
    ItemFilter,
    error_summary,
    filter_items,
    group_errors,
    neutral_errors,
    run_items,
)
from finsent.labels import FIVE_LABELS, INVALID, NEUTRAL
from finsent.runs.annotations import Annotation, read_annotations, tagged_rows, with_annotations
from finsent.runs.store import Run
from pages.neutral.item import show_item
from pages.neutral.labels import show_labels
from pages.neutral.repair import show_repair_set
from pages.neutral.words import show_words
from pages.shared import places
from pages.shared.choose_run import choose_run
from pages.shared.opened import table_that_opens
from pages.shared.pressed import end_here
from pages.shared.pushes import show_pushes
from pages.shared.runs_now import runs_now
from pages.shared.ui import choose_one, csv_button, page_head, say_cut, show_chart, user_errors, what_is

MODELS = {"baseline": "baseline", "tuned": "fine-tuned model"}
SPLITS = {"test": "Test texts", "validation": "Validation texts"}
PARTS = {"texts": "Misclassified texts", "labels": "Labels worth a second look"}
OUTCOME_HELP = (
    "Fixed: only the baseline gets it wrong. Broken: only the fine-tuned model gets it wrong. Still wrong: both do."
)
MAX_ROWS = 2_000


@st.cache_resource(max_entries=8, show_spinner="Reading the predictions …")
def load_items(_run: Run, known_as: tuple[str, ...], split: str) -> pd.DataFrame:
    """Return a run's neutral texts; ``known_as`` changes when they are out of date."""
    return run_items(_run, split)


def explain_missing(run: Run) -> None:
    """Say why a run has nothing to inspect, and what to do."""
    if run.active:
        st.info(f"This run is {run.state}. Its neutral texts appear here once both models have been scored.")
        st.page_link(places.TRAIN, label="Watch it", icon=":material/show_chart:", query_params={"run": run.id})
        return
    st.warning(f"This run is {run.state}: it ended before both models were scored, so it has no texts to inspect.")
    st.page_link(places.RUNS, label="See its record", icon=":material/history:", query_params={"run": run.id})
    st.page_link(places.TRAIN, label="Launch a run", icon=":material/play_circle:")


def show_summary(run: Run, items: pd.DataFrame, split: str) -> None:
    summary = error_summary(items)
    texts = f"{summary.n:,} neutral {split} texts"
    parts = []
    for model, title in MODELS.items():
        errors = summary.models[model]
        # There is no share of no texts.
        if errors.wrong_share is None or errors.wrong_ci is None:
            st.info(f"This run has no neutral {split} texts.")
            end_here()
        parts.append(
            f"the {title} gets **{errors.wrong:,}** wrong ({errors.wrong_share:.1%}, 95 % interval "
            f"{errors.wrong_ci.low:.1%} to {errors.wrong_ci.high:.1%}) and calls {errors.positive:,} of them positive"
        )
    st.markdown(f"Of **{texts}**, {parts[0]}; {parts[1]}.")
    st.caption(
        " · ".join(f"{name} {count:,}" for name, count in summary.outcomes.items())
        + ". Bullish counts as positive; an answer that is no label counts as wrong."
    )
    if split == "validation" and run.recipe.checkpoint == "best":
        st.caption("Validation texts helped to choose the checkpoint, so they flatter the fine-tuned model.")


def chosen_filter(items: pd.DataFrame, annotations: dict[str, Annotation]) -> ItemFilter:
    """Show the filters, kept in the address, and return what they ask for."""
    outcomes = st.pills(
        "Who gets it wrong",
        OUTCOMES,
        selection_mode="multi",
        key="outcome",
        bind="query-params",
        help=OUTCOME_HELP,
    )
    search = st.text_input(
        "Text contains", key="neutral-search", bind="query-params", placeholder="for example: celebrates"
    )
    with st.expander("More filters: wrong answer, confidence, topic, source, tag"):
        first, second = st.columns(2)
        labels = [label for label in (*FIVE_LABELS, INVALID) if label != NEUTRAL]
        labels = [label for label in labels if items[list(MODELS)].isin([label]).to_numpy().any()]
        called = first.multiselect(
            "Wrong answer", labels, key="called", bind="query-params", help="Given by either of the two models."
        )
        confidence = second.slider(
            "Confidence of the wrong answer, %", 0, 100, (0, 100), step=5, key="confidence", bind="query-params"
        )
        topics = first.multiselect("Topic", named(items["topic"]), key="neutral-topic", bind="query-params")
        sources = second.multiselect("Source", named(items["source"]), key="neutral-source", bind="query-params")
        in_use = sorted({tag for one in annotations.values() for tag in one.tags})
        tags = first.multiselect(
            "Tag",
            in_use,
            key="tag",
            bind="query-params",
            disabled=not in_use,
            placeholder="Choose tags" if in_use else "no text has one yet",
        )
    low, high = confidence
    row_ids = tagged_rows(annotations, tags) if tags else None
    return ItemFilter(outcomes, called, (low / 100, high / 100), topics, sources, row_ids, search)


def named(column: pd.Series) -> list[str]:
    return sorted(name for name in column.unique() if name)


def choose_item(items: pd.DataFrame) -> pd.Series | None:
    """Show the items as a table and return the one that is open, or None."""
    shown = items.head(MAX_ROWS).round({f"{model} confidence": 2 for model in MODELS})
    return table_that_opens(
        shown,
        f"items-{hash(tuple(shown['row_id']))}",
        "item",
        [
            "text",
            "outcome",
            "baseline",
            "baseline confidence",
            "tuned",
            "tuned confidence",
            "tags",
            "gold",
            "topic",
            "source",
            "note",
            "row_id",
        ],
        height=min(560, 40 + 35 * max(len(shown), 1)),
        column_config={
            "text": st.column_config.TextColumn(width=200),
            "tags": st.column_config.TextColumn(width=65),
            "outcome": st.column_config.TextColumn(width=75),
            "baseline": st.column_config.TextColumn(width=70),
            "baseline confidence": sureness("baseline"),
            "tuned": st.column_config.TextColumn("fine-tuned", width=80),
            "tuned confidence": sureness("tuned"),
            "row_id": st.column_config.TextColumn("row"),
        },
    )


def sureness(model: str) -> object:
    """Return how a model's confidence stands in the table: short, since its label is right before it."""
    return st.column_config.NumberColumn(
        "sure" if model == "baseline" else "sure ",
        help=f"The confidence of the {MODELS[model]}: the probability of its answer among those that the prompt allows",
        format="percent",
        width=50,
    )


def show_list(run: Run, items: pd.DataFrame) -> None:
    errors = neutral_errors(items)
    st.subheader("The texts", anchor=False)
    if errors.empty:
        st.success("Neither model gets one of these texts wrong.")
        return
    list_side, item_side = st.columns([3, 2], gap="medium")
    with list_side:
        annotations = read_annotations(run)
        chosen = with_annotations(filter_items(errors, chosen_filter(errors, annotations)), annotations)
        st.caption(f"{len(chosen):,} of {len(errors):,} misclassified neutral texts. Choose a row to open it.")
        if chosen.empty:
            st.info("No text passes these filters. Take one of them away.")
            return
        item = choose_item(chosen)
        say_cut(MAX_ROWS, len(chosen))
        csv_button("Download these texts as CSV", chosen, f"neutral-{run.id}.csv")
    with item_side:
        if item is None:
            st.info("Choose a row of the table to see the whole text, both models' probabilities and similar texts.")
        else:
            show_item(run, item, annotations)
    show_repair_set(run, chosen, split)


def show_groups(items: pd.DataFrame) -> None:
    known = [by for by in ("topic", "source") if items[by].ne("").any()]
    by = known[0] if known else "topic"
    if len(known) > 1:
        by = st.radio("By", known, format_func=str.capitalize, horizontal=True, key="by", bind="query-params")
    table = group_errors(items, by)
    show_chart(
        group_figure(table),
        f"Share of neutral texts that each model gets wrong, by {by}, with 95 % Wilson intervals; n is the number of "
        "neutral texts. Small groups have wide intervals: overlapping ones say little.",
        table,
        key="groups",
    )


page_head(
    "Neutral news",
    "News that says nothing good or bad, and that a model takes for good or bad all the same. Which texts, who errs, "
    "and why?",
)
runs = runs_now()
if not runs:
    st.info("There is no run yet, so there are no answers to inspect. A quick run takes a few minutes.")
    st.page_link(places.TRAIN, label="Launch the first run", icon=":material/play_circle:")
    end_here()
with user_errors():
    run_side, split_side, help_side = st.columns([8, 5, 3], vertical_alignment="bottom")
    with run_side:
        run = choose_run(runs, lambda run: run.has_comparison)
    with help_side:
        what_is("neutral called positive", "baseline", "split", "confidence interval")
    if not run.has_comparison:
        explain_missing(run)
        end_here()
    split = split_side.radio(
        "From", list(SPLITS), format_func=SPLITS.__getitem__, horizontal=True, key="neutral-split", bind="query-params"
    )
    part = choose_one("Show", PARTS, "texts", "neutral-part")
    known_as = (str(run.folder), split, str(run.predictions_file("tuned").stat().st_mtime_ns))
    if part == "labels":
        show_labels(run, known_as)
        end_here()
    items = load_items(run, known_as, split)
    show_summary(run, items, split)
    show_list(run, items)
    st.subheader("What they have in common", anchor=False)
    groups, words, pushes = st.tabs(["Error rates", "Words", "Words that push"], key="common", bind="query-params")
    with groups:
        show_groups(items)
    with words:
        show_words(items, known_as)
    with pushes:
        show_pushes(run, "neutral")
