"""Behavioural tests on the Headlines page: each rule on a run's rows, who fails it how often, and the failures."""

from functools import partial

import pandas as pd
import streamlit as st

from finsent.errors import FinsentError
from finsent.evaluation.behaviour import SPLITS, failures, run_behaviour
from finsent.evaluation.edits import RULES
from finsent.evaluation.repair import repair_pool, run_rule_repair_set
from finsent.labels import split_answers
from finsent.metrics.behaviour import MIN_TEXTS, behaviour_figures, behaviour_table
from finsent.runs.store import Run
from pages.shared.access import action
from pages.shared.models import known_as
from pages.shared.opened import OPENS, opened_place
from pages.shared.repair_rows import corrections_of, show_caution, show_repair_rows, show_training
from pages.shared.ui import PERCENT, counted, plain_markdown, show_table, what_is
from pages.shared.why import ONE, kind_of

#: Not a widget's key: whose tests the visitor has asked for.
_ASKED = "behaviour-asked"
#: Nor this: the repair set that was made last, and what for.
_REPAIR = "rule-repair-set"


@st.cache_resource(max_entries=8, show_spinner=False)
def _outcomes(_run: Run, models: tuple[str, str | None, int], split: str) -> pd.DataFrame:
    bar = st.progress(0.0, text="Asking both models about each edit …")

    def report(done: int, total: int) -> None:
        bar.progress(done / total, f"{done:,} of {total:,} answers")

    try:
        return run_behaviour(_run, split, report)
    finally:
        bar.empty()


def show_behaviour(run: Run | None) -> None:
    """Show the button that tests both models, and what came of it."""
    st.markdown(
        "What should a model not be moved by, and what must turn its answer? Each rule edits every text it fits."
    )
    if run is None:
        st.info("These tests compare a fine-tuned model with its baseline. Launch a run first.")
        return
    split = st.segmented_control("Rows", SPLITS, default="test", required=True, key="rows", bind="query-params")
    asked = st.session_state.setdefault(_ASKED, set())
    wanted = (known_as(run), split)
    if wanted not in asked:
        st.caption("It takes about as long as judging a run: a minute or more on two cores.")
        if not action(st.button, "Test both models", type="primary", icon=":material/rule:", key="behave"):
            with st.expander("The rules"):
                show_rules()
            return
        asked.add(wanted)
    outcomes = _outcomes(run, *wanted)
    show_outcomes(outcomes, split)
    show_repair(run, outcomes, split)


def show_rules() -> None:
    """Show the table of the rules."""
    rules = pd.DataFrame([(rule.name, rule.expects, rule.what) for rule in RULES], columns=["rule", "label", "edit"])
    show_table(rules, "rules")


def show_outcomes(outcomes: pd.DataFrame, split: str) -> None:
    table = behaviour_table(behaviour_figures(outcomes)).rename(
        columns={"tuned": "fine-tuned", "tuned share": "its share "}
    )
    table = table.rename(columns={"baseline share": "its share"})
    show_table(
        table,
        "behaviour",
        column_order=["rule", "expects", "texts", "baseline", "its share", "fine-tuned", "its share ", "difference"]
        + ["low", "high", "p (Holm)"],
        column_config=dict.fromkeys(("its share", "its share ", "difference", "low", "high"), PERCENT)
        | {"p (Holm)": st.column_config.NumberColumn(format="%.4f")},
    )
    st.caption(
        f"Failures over the {split} texts that each rule applies to. A rule that keeps the label is failed where the "
        "answer changes; one that flips or changes it, where the answer is not what follows from the gold label. "
        "Difference: fine-tuned minus baseline, with its 95 % interval (Tango) and McNemar's exact test after Holm's "
        f"correction over the rules; of fewer than {MIN_TEXTS} texts failures are counted alone."
    )
    what_is("McNemar's test", "Holm's correction", "confidence interval")
    show_failures(outcomes)


def show_repair(run: Run, outcomes: pd.DataFrame, split: str) -> None:
    """Offer a repair set from the failures of the rule that is chosen above, and to continue the run on it."""
    name = st.session_state["failed-rule"]
    with st.expander("A repair set: training texts that this rule applies to, and their edits"):
        st.markdown(
            "For each text on which the fine-tuned model fails the rule, the training texts most like it that the rule "
            "applies to, and each of them edited by the rule, under the label that the rule foresees. The edits are "
            "synthetic, and called so. Test texts never go in."
        )
        show_caution(split)
        with st.form("rule-repair", border=False):
            each = st.number_input("Similar texts for each failure", 1, 20, 3, key="rule-each")
            if st.form_submit_button(f"Find texts for “{name}”", icon=":material/build:"):
                st.session_state[_REPAIR] = ((run.id, split, name), _repair(run, outcomes, name, int(each)))
        found_for, rows = st.session_state.get(_REPAIR, (None, None))
        if rows is not None and found_for == (run.id, split, name):
            show_repair_rows(run, rows)
            show_training(run, rows, split)


def _repair(run: Run, outcomes: pd.DataFrame, name: str, each: int) -> pd.DataFrame | None:
    try:
        with st.spinner("Looking for similar texts …"):
            pool = repair_pool(run, corrections=corrections_of(run).rows)
            rules = {rule.name: rule for rule in RULES}
            return run_rule_repair_set(run, outcomes, rules[name], pool, each)
    except FinsentError as error:
        st.info(plain_markdown(str(error)))
        return None


def show_failures(outcomes: pd.DataFrame) -> None:
    st.subheader("Failures", anchor=False)
    rule = st.selectbox("Rule", outcomes["rule"].unique(), key="failed-rule", bind="query-params")
    failed = failures(outcomes, rule)
    if failed.empty:
        st.success("Neither model fails this rule.")
        return
    show_table(
        failed.rename(
            columns={"tuned": "fine-tuned", "tuned edited": "fine-tuned edited", "tuned failed": "it failed "}
        ),
        f"failures-{rule}",
        key="failures",
        on_select=partial(open_edit, failed),
        selection_mode=OPENS,
        column_order=["text", "edited", "gold", "baseline", "baseline edited", "fine-tuned", "fine-tuned edited"],
        column_config={name: st.column_config.TextColumn(width="medium") for name in ("text", "edited")},
    )
    st.caption(
        f"{counted(len(failed), 'text')} that one of the models fails. Choose a row to open it as an edit, "
        "with the keyboard by Shift and Space."
    )


def open_edit(failed: pd.DataFrame) -> None:
    """Open the chosen failure as an edit, asked about with its own kind of prompt."""
    if (place := opened_place(st.session_state["failures"], "failures")) is None:
        return
    row = failed.iloc[place]
    st.session_state["text"], st.session_state["edit"] = row["text"], row["edited"]
    if kind := kind_of(split_answers(row["answers"])):
        st.session_state["kind"] = kind
    st.session_state["mode"] = ONE
