"""The form of a run: recipe, data, model, and every setting with its reason and its valid range."""

import math
from typing import Any

import streamlit as st

from finsent.errors import FinsentError, RecipeError, RunError
from finsent.estimate import estimate_run, in_words, total_steps
from finsent.launcher import check_in_reach
from finsent.models import MODELS
from finsent.recipes import RECIPES, Recipe, change_recipe, get_recipe
from finsent.rows import draw_rows
from finsent.runs import Run, default_runs_dir, load_run
from finsent.search import kept_search
from finsent.settings import Setting, command_line, settings
from finsent.speed import calibrate
from pages._run_parts import changes_table, safe_title
from pages._ui import plain_markdown

SOURCES = {
    "embedded": "Lab headlines (embedded, synthetic)",
    "hub": "Sujet-Finance-Instruct-177k (hub)",
}
RECIPE_HELP = (
    "A set of settings to start from. quick: minutes on two CPU cores. best: what measured best on texts apart, "
    "within half an hour on two cores. tutorial: the tutorial to the letter, made for a GPU."
)
CALIBRATION_HELP = (
    "Trains and scores a few rows with these settings, about half a minute with the embedded model on two cores. Not "
    "while a run is at work, which would falsify it."
)
_COLUMNS = 3


def chosen_recipe() -> Recipe | None:
    """Show the form and return the recipe it describes, or None (with a sentence) when that is not valid."""
    name_side, source_side, model_side = st.columns(3)
    with name_side:
        start, key = _start()
    with source_side:
        reason = "Choose, or type the path of a .csv, .jsonl or .parquet file."
        source = _named("Data", f"{key}-data", SOURCES, start.source, reason)
    with model_side:
        reason = "Choose, or type the path of a model folder."
        model = _named("Base model", f"{key}-model", MODELS, start.model, reason)
    changes = {"source": source, "model": model} | _settings_tabs(start, key)
    if start.name == "best":
        _show_search()
    try:
        return change_recipe(start, changes)
    except RecipeError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        return None


def _show_search() -> None:
    """Show what was tried to find the recipe best."""
    tried = kept_search()
    with st.expander("How these settings were found", icon=":material/travel_explore:"):
        st.dataframe(
            tried,
            hide_index=True,
            column_order=list(tried.columns.drop("train_rows")),
            column_config={
                **{name: st.column_config.NumberColumn(format="percent") for name in ("accuracy", "low", "high")},
                "macro_f1": st.column_config.NumberColumn("macro-F1", format="%.3f"),
                "weighted_f1": st.column_config.NumberColumn("weighted-F1", format="%.3f"),
                "log_loss": st.column_config.NumberColumn("log-loss", format="%.3f"),
            },
        )
        st.caption(
            f"Each line: {tried['train_rows'].iloc[0]:,} training rows of Financial PhraseBank, judged on n rows: "
            "its validation split and, where n is more than 422, training rows that were left; never on test "
            "rows. Low and high are the 95 % interval of the accuracy. “All seven” is LoRA on every matrix of a layer, "
            "“answers” the loss within the allowed answers, “averaged” the mean of late adapters (four in the first "
            "lines, twelve in those of more than 422 rows). The soups are of the adapters of the seeds beside them (42 "
            "where none is named). Figures move by half a point to two from seed to seed; most lines cannot be told "
            "apart. To try them again: python -m finsent search."
        )


def _start() -> tuple[Recipe, str]:
    """Return the settings that the form starts from, and a name for its widgets.

    They are those of a recipe, or of the run that the address asks to duplicate. Each start has widgets of its own,
    so that going back to it finds the changes made there.
    """
    like = st.query_params.get("like")
    if like:
        try:
            run = load_run(default_runs_dir(), like)
        except RunError as error:
            st.warning(plain_markdown(str(error)))
        else:
            st.markdown(f"Settings of run **{safe_title(run)}**")
            if st.button("Back to the recipes", key="no-like"):
                st.query_params.pop("like")
                st.rerun()
            return run.recipe, run.id
    name = st.selectbox("Recipe", list(RECIPES), key="recipe", bind="query-params", help=RECIPE_HELP)
    return get_recipe(name), name


def show_changes(recipe: Recipe) -> None:
    """Show where the settings differ from the recipe they started from."""
    table = changes_table(recipe)
    if table.empty:
        st.caption(f"Settings exactly as in the recipe {recipe.name}.")
    else:
        st.caption(f"{len(table)} changed from the recipe {recipe.name}:")
        st.dataframe(table, hide_index=True, key="changes")
    with st.popover("As a command", icon=":material/terminal:"):
        st.code(command_line(recipe), language=None, wrap_lines=True)


def cost(recipe: Recipe, runs: list[Run]) -> tuple[bool, float | None]:
    """Show rows, steps and what they will cost; return whether the run can be launched, and its estimated seconds."""
    try:
        check_in_reach(recipe)
        splits = _planned_rows(recipe.source, recipe.rows, recipe.validation_rows, recipe.test_rows, recipe.split_seed)
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        return False, None
    steps = total_steps(recipe, splits["train"])
    st.markdown(
        f"{splits['train']:,} training rows, **{steps:,} steps**; watched on {splits['validation']:,} validation rows, "
        f"judged on {splits['test']:,} test rows."
    )
    estimate = estimate_run(recipe, splits, runs, default_runs_dir())
    if estimate is None:
        _offer_calibration(recipe, busy=any(run.active for run in runs))
        return True, None
    memory = estimate.speed.peak_memory_bytes
    st.markdown(f"About **{in_words(estimate.seconds)}**" + (f", {memory / 2**30:.1f} GB of memory" if memory else ""))
    st.caption(f"By the speed and the peak memory that {estimate.speed.basis} measured on this machine.")
    return True, estimate.seconds


def _offer_calibration(recipe: Recipe, busy: bool) -> None:
    st.caption("Cost: not measured yet on this machine.")
    if st.button("Measure now", icon=":material/timer:", disabled=busy, key="calibrate", help=CALIBRATION_HELP):
        try:
            with st.spinner("Training and scoring a few rows"):
                calibrate(recipe, default_runs_dir())
        except FinsentError as error:
            st.error(plain_markdown(str(error)), icon=":material/error:")
        else:
            st.rerun()


def _named(label: str, key: str, titles: dict[str, str], start: str, reason: str) -> str:
    options = list(dict.fromkeys([*titles, start]))
    return st.selectbox(
        label,
        options,
        index=options.index(start),
        format_func=lambda name: titles.get(name, name),
        key=key,
        bind="query-params",
        accept_new_options=True,
        help=reason,
    )


def _settings_tabs(start: Recipe, key: str) -> dict[str, Any]:
    groups: dict[str, list[Setting]] = {}
    for setting in settings():
        groups.setdefault(setting.group, []).append(setting)
    values = {}
    for tab, members in zip(st.tabs(list(groups)), groups.values(), strict=True):
        with tab:
            columns = st.columns(_COLUMNS)
            for place, setting in enumerate(members):
                with columns[place % _COLUMNS]:
                    values[setting.name] = _input(setting, getattr(start, setting.name), f"{key}-{setting.name}")
    return values


def _input(setting: Setting, start: Any, key: str) -> Any:
    reason = setting.reason + (f" Valid: {setting.range}." if setting.range else "")
    shared = {"key": key, "bind": "query-params", "help": reason}
    match setting.kind:
        case "flag":
            return st.toggle(setting.title, value=start, **shared)
        case "choice":
            return st.selectbox(setting.title, setting.options, index=setting.options.index(start), **shared)
        case "choices":
            return st.multiselect(setting.title, setting.options, default=list(start), **shared)
        case "integer":
            low, high = setting.low, setting.high
            return st.number_input(
                setting.title,
                value=start,
                min_value=None if low is None else int(low),
                max_value=None if high is None else int(high),
                step=1,
                placeholder="all" if setting.optional else None,
                **shared,
            )
        case "number":
            value = st.number_input(
                setting.title,
                value=float(start),
                min_value=None if setting.low is None else float(setting.low),
                max_value=None if setting.high is None else float(setting.high),
                step=_step(start),
                format="%g",
                **shared,
            )
            # The +/- buttons add in binary; what the visitor reads is what counts.
            return float(f"{value:.10g}")
        case _:
            return st.text_input(setting.title, value=start, **shared)


def _step(start: float) -> float:
    return 10.0 ** math.floor(math.log10(start)) if start else 0.01


@st.cache_data(show_spinner="Reading the data", max_entries=16, ttl=120)
def _planned_rows(
    source: str, rows: int | None, validation_rows: int | None, test_rows: int | None, split_seed: int
) -> dict[str, int]:
    recipe = Recipe(
        source=source,
        rows=rows,
        validation_rows=validation_rows,
        test_rows=test_rows,
        split_seed=split_seed,
        batch_size=1,
    )
    return draw_rows(recipe).counts
