"""Lab: the story on one screen, this machine, the run at work, and one obvious next step."""

from collections.abc import Iterable

import streamlit as st

from finsent.data.dataset import load_data
from finsent.errors import FinsentError
from finsent.evaluation.classifier import Answer, Classifier
from finsent.evaluation.example import Example, Story, tell_story
from finsent.machine import World, look_around
from finsent.metrics.figures import Interval
from finsent.models.base import EMBEDDED, MODELS
from finsent.runs.chosen import Chosen, interrupted
from finsent.runs.flags import flags_written
from finsent.runs.queue import resume
from finsent.runs.store import Run, at_work
from pages.shared import places
from pages.shared.access import action
from pages.shared.choose_run import carried_run, pin_button, run_by_default
from pages.shared.run_parts import known_figures, progress_words, safe_title, took
from pages.shared.runs_now import runs_now, show_room
from pages.shared.ui import page_head, plain_badge, plain_markdown, user_errors, what_is
from pages.shared.verdict import show_verdict

MOST_UNFINISHED = 2
#: Invented, and neutral: a visitor centre says nothing about profit or the price of a share.
HEADLINE = "Nordlake Systems proudly opens a bright new visitor centre beside its Tampere plant."
STEPS = {
    "1 · Freeze": "The base model's weights are stored in 4 bits (NF4) and stay as they are.",
    "2 · Add": "Two thin matrices, A and B, go beside weights of every layer: W' = W + A·B.",
    "3 · Train": "Only A and B learn, from labelled texts: in the recipes here at most 2 % of the parameters.",
}


@st.cache_data(max_entries=4, show_spinner="Reading the result …")
def story_of(_run: Run, folder: str, written: int, flagged: int) -> Story:
    """Return a run's story; the arguments after the first say when it is out of date."""
    return tell_story(_run)


# The model is dropped once it has answered: this page is no place to keep one in memory.
@st.cache_data(max_entries=4, show_spinner="Loading the base model and asking it …")
def ask_base_model(text: str) -> Answer:
    return Classifier(EMBEDDED).classify([text])[0].baseline


@st.cache_data(show_spinner=False)
def embedded_rows() -> int:
    return len(load_data(EMBEDDED).rows)


def told_story(runs: list[Run]) -> tuple[Chosen, Story] | None:
    """Return the run that was chosen on a page, else the pinned or best one, with its story; None where it has none."""
    carried = carried_run(runs, lambda run: run.has_comparison)
    chosen = Chosen(carried, "chosen by you") if carried else run_by_default(runs)
    if chosen is None:
        return None
    run = chosen.run
    try:
        written = run.predictions_file("tuned").stat().st_mtime_ns
        return chosen, story_of(run, str(run.folder), written, flags_written(run))
    except (FinsentError, OSError):
        return None


def show_example(run: Run, example: Example, neutral: int) -> None:
    st.code(example.text, language=None, wrap_lines=True)
    st.markdown("This text is labelled **neutral**. What the two models call it:")
    with st.container(horizontal=True):
        plain_badge(f"baseline: {example.baseline}, {example.baseline_confidence:.0%}", ":material/close:", "red")
        right = example.tuned == "neutral"
        plain_badge(
            f"fine-tuned: {example.tuned}, {example.tuned_confidence:.0%}",
            ":material/check:" if right else ":material/close:",
            "green" if right else "red",
        )
    st.caption(
        f"From the test split of run {safe_title(run)}. The baseline calls {example.called_positive:,} of "
        f"{neutral:,} neutral texts positive (or bullish), and fine-tuning fixed {example.fixed:,} of these; "
        f"shown is, {'of those fixed' if right else 'of all of them'} and news before posts, the one that the "
        "baseline was surest about. Percentages are probabilities within the answer set."
    )


def show_invitation(busy: bool) -> None:
    st.code(HEADLINE, language=None, wrap_lines=True)
    st.markdown(
        "Nothing about profit or the price of a share: **neutral** news. The tutorial that this lab follows shows "
        "Qwen3-0.6B calling neutral news **positive**, “too optimistic”. It found the model right on about 27 % of "
        "test texts before fine-tuning and about 58 % after. Those figures are the tutorial's; yours come from "
        "a run of your own."
    )
    asked = action(st.button, "Ask the base model now", icon=":material/bolt:", disabled=busy, key="ask")
    if busy:
        st.caption("A run is at work and would be slowed down; ask when it has ended.")
    if asked:
        with user_errors():
            st.session_state["base-answer"] = ask_base_model(HEADLINE)
    if "base-answer" in st.session_state:
        answer = st.session_state["base-answer"]
        shares = ", ".join(f"{label} {share:.1%}" for label, share in answer.probabilities.items())
        st.markdown(f"{plain_markdown(MODELS[EMBEDDED])} says **{answer.label}** ({shares}).")
    st.caption("The headline is invented.")


def show_result(chosen: Chosen, story: Story) -> None:
    run = chosen.run
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("The result", anchor=False, width="content")
        pin_button(run)
    before, after = story.comparison.baseline, story.comparison.tuned
    words, figures = st.columns([3, 2], gap="large")
    with words:
        show_verdict(story.verdict)
        st.caption(
            f"Run {safe_title(run)} ({plain_markdown(chosen.why)}) · {plain_markdown(run.model_title)} · "
            f"{plain_markdown(run.source_title)}"
        )
    with figures:
        accuracies = [(one.accuracy, one.accuracy_ci) for one in (before, after)]
        show_change("Accuracy", accuracies, after.n)
        shares = [(one.neutral_as_positive, one.neutral_as_positive_ci) for one in (before, after)]
        show_change("Neutral called positive", shares, after.neutral_n)


def show_change(title: str, models: Iterable[tuple[float | None, Interval | None]], n: int) -> None:
    """Show a figure of the baseline and of the fine-tuned model, on the same rows."""
    known = known_figures(models)
    with st.container(border=True):
        if not known:
            st.metric(title, "no neutral rows")
            return
        st.metric(title, " → ".join(f"{value:.1%}" for value, _ in known))
        ranges = [f"{interval.low:.1%} to {interval.high:.1%}" for _, interval in known]
        st.caption(f"95 % intervals {ranges[0]}, then {ranges[1]}; n\u00a0=\u00a0{n:,}")


def show_next_step(active: Run | None, judged: Run | None) -> None:
    with st.container(border=True):
        if active is not None:
            st.markdown(f"**A run is at work:** {safe_title(active)}, {progress_words(active)}.")
            step = ("Watch it", ":material/show_chart:", places.TRAIN, {"run": active.id})
        elif judged is not None:
            st.markdown("**Next:** see what fine-tuning changed, row by row.")
            step = ("Compare the two models", ":material/grid_on:", places.COMPARE, {"run": judged.id})
        else:
            st.markdown("**Next:** launch a quick run. It takes minutes on two CPU cores, and you can watch.")
            step = ("Launch a run", ":material/play_circle:", places.TRAIN, {})
        label, icon, target, query = step
        if st.button(label, type="primary", icon=icon, key="next-step"):
            st.switch_page(target, query_params=query)
        if judged is None:
            words = "Look at the data meanwhile" if active else "Look at the data first"
            st.page_link(places.DATASET, label=words, icon=":material/table_rows:")
        else:
            st.page_link(places.NEUTRAL, label="Read the neutral news", icon=":material/search_insights:")
            st.page_link(places.TRAIN, label="Launch another run", icon=":material/play_circle:")


def show_unfinished(runs: list[Run], active: Run | None) -> None:
    """Name the runs that ended before they were done, newest first, with a way to go on."""
    for run in runs[:MOST_UNFINISHED]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            of = f" of {run.progress.total:,}" if run.progress and run.progress.unit == "steps" else ""
            st.markdown(f"**Not finished:** {safe_title(run)}, {run.state} at step {run.steps:,}{of}.", width="stretch")
            words = "Resume" if active is None else "Resume in its turn"
            if action(st.button, words, icon=":material/resume:", key=f"resume-{run.id}"):
                with user_errors():
                    resume(run)
                st.switch_page(places.TRAIN, query_params={"run": run.id})
            st.page_link(places.TRAIN, label="See it", query_params={"run": run.id})
    if len(runs) > MOST_UNFINISHED:
        st.page_link(places.RUNS, label=f"{len(runs) - MOST_UNFINISHED} more were not finished")


def show_world(world: World, runs: list[Run]) -> None:
    st.subheader("This machine", anchor=False)
    finished = next((run for run in runs if run.state == "done" and run.seconds), None)
    speed = (
        f"Its last finished run ({plain_markdown(finished.recipe.name)}, {finished.steps:,} steps) took "
        f"{took(finished)}."
        if finished
        else "A GPU is used where there is one, and is not needed."
    )
    st.markdown(f"**{plain_markdown(world.device)}.** {speed}")
    if world.hub:
        st.markdown(
            "**Hub world.** Qwen3-0.6B and Sujet-Finance-Instruct-177k can be fetched, as in the tutorial. The "
            "embedded model and headlines are here, too: choose on the Train page."
        )
        return
    here = (
        f"SmolLM2-135M-Instruct and {embedded_rows():,} lab headlines are here. The headlines are synthetic, written "
        "for this lab; the model and its training are real."
    )
    if world.cached:
        names = plain_markdown(" and ".join(world.cached))
        st.markdown(
            f"**Cached world.** {names} from the model hub can be used without it: choose on the Train page. {here}"
        )
    elif world.hub is None:
        st.markdown(
            f"**Embedded world.** The model hub has not been asked, and is not needed: {here} What is on the hub is "
            "fetched when you choose it on the Train page."
        )
    else:
        st.markdown(f"**Embedded world.** No model hub is in reach, and none is needed: {here}")


def show_method() -> None:
    st.subheader("What QLoRA does", anchor=False)
    for column, (title, words) in zip(st.columns(3), STEPS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(words)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(places.MODEL, label="See it counted on the model", icon=":material/account_tree:")
        what_is("baseline", "LoRA", "QLoRA", "NF4", "neutral called positive", "confidence interval")


runs, active = runs_now(), at_work(runs_now())
page_head("Why is neutral news called positive?", "And what does QLoRA fine-tuning do about it?")
found = told_story(runs)
show_room()
story_side, step_side = st.columns([3, 2], gap="large")
with story_side:
    st.subheader("The error", anchor=False)
    if found is None:
        show_invitation(active is not None)
    elif found[1].example is None:
        st.markdown(f"In run {safe_title(found[0].run)}, the baseline called no neutral test text positive.")
    else:
        show_example(found[0].run, found[1].example, found[1].comparison.baseline.neutral_n)
with step_side:
    show_next_step(active, found[0].run if found else None)
    show_unfinished(interrupted(runs), active)
    show_world(look_around(), runs)
if found is not None:
    show_result(*found)
show_method()
