"""Part of Compare for a run of a group of seeds: what training luck moves, the group's verdict, and its average."""

import streamlit as st

from finsent.evaluation.groups import (
    GroupEvaluation,
    evaluate_group,
    judged_members,
    seeds_sentences,
    seeds_table,
)
from finsent.runs.averaged import submit_average
from finsent.runs.groups import RunGroup, group_of
from finsent.runs.store import Run
from pages.compare.proportion import judged
from pages.shared import places
from pages.shared.access import action
from pages.shared.ui import PERCENT, plain_markdown, show_table, user_errors
from pages.shared.verdict import show_verdict

AVERAGE_HELP = (
    "One adapter whose update is exactly the mean of theirs: the LoRA matrices side by side, the rank the sum. It "
    "becomes a run of its own that is judged on the same rows."
)


def show_seeds(run: Run, on: str, runs: list[Run], classes: int) -> None:
    """Show the group that a run belongs to, if it is in one, on a set of judged rows."""
    group = group_of(run, runs)
    if group is None:
        return
    with st.container(border=True):
        st.markdown(f"**Training luck: {plain_markdown(group.title)}**")
        members = judged_members(group, on)
        if len(members) < 2:
            st.caption(
                f"{len(members)} of {len(group.about.members)} seeds have been judged on these rows. How far they lie "
                "apart is shown from two on."
            )
            return
        with user_errors():
            keys = tuple(judged(one, on).key for one in members)
            evaluation = _evaluated(group, on, classes, group.id, keys)
        show_verdict(evaluation.verdict)
        st.markdown("\n".join(f"- {plain_markdown(sentence)}" for sentence in seeds_sentences(evaluation)))
        _show_table(evaluation)
        _show_average(group, members, runs)


@st.cache_resource(max_entries=8, show_spinner="Comparing the seeds …")
def _evaluated(
    _group: RunGroup, on: str, classes: int, group: str, keys: tuple[tuple[str, float], ...]
) -> GroupEvaluation:
    return evaluate_group(_group, classes, on, lambda one, rows: judged(one, rows).test)


def _show_table(evaluation: GroupEvaluation) -> None:
    table = seeds_table(evaluation)
    shares = dict.fromkeys([name for name in table if name not in ("figure", "n")], PERCENT)
    show_table(table, "seeds", column_config=shares | {"figure": st.column_config.TextColumn(pinned=True)})
    st.caption(
        "Each seed's figures, their mean with its 95 % interval over rows and seeds (low, high), the standard "
        f"deviation between seeds (spread), and the mean less the baseline; {evaluation.n:,} test rows in all, n is "
        "what each figure is over."
    )


def _show_average(group: RunGroup, members: list[Run], runs: list[Run]) -> None:
    averages = [one for one in runs if one.averaged and set(one.averaged) <= set(group.about.members)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if action(
            st.button,
            f"Average these {len(members)} adapters",
            icon=":material/merge:",
            key=f"average-{group.id}",
            help=AVERAGE_HELP,
        ):
            with user_errors(), st.spinner("Starting the worker"):
                submit_average(members)
            st.rerun()
        for one in averages:
            place, words = (places.COMPARE, "") if one.has_comparison else (places.TRAIN, f", {one.state}")
            st.page_link(
                place,
                label=f"{plain_markdown(one.title)}{words}",
                icon=":material/merge:",
                query_params={"run": one.id},
            )
    st.caption(
        "Whether an average is better than one adapter is not known before both were judged on the same rows: tick "
        "them on Runs. No recipe offers it by itself, since that was not measured."
    )
