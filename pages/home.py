"""Lab: the story on one screen, this machine, the run at work, and one obvious next step."""

from typing import Any

import streamlit as st

from finsent.classify import Answer, Classifier
from finsent.datasets import load_data
from finsent.errors import FinsentError
from finsent.estimate import in_words
from finsent.models import EMBEDDED, MODELS
from finsent.runs import Run, active_run, default_runs_dir, list_runs
from finsent.story import Example, Story, tell_story
from finsent.world import World, look_around
from pages._run_parts import progress_words, safe_title
from pages._ui import page_head, plain_markdown, user_errors, what_is

#: Invented, and neutral: a visitor centre says nothing about profit or the price of a share.
HEADLINE = "Nordlake Systems proudly opens a bright new visitor centre beside its Tampere plant."
STEPS = {
    "1 · Freeze": "The base model's weights are stored in 4 bits (NF4) and stay as they are.",
    "2 · Add": "Two thin matrices, A and B, go beside weights of every layer: W' = W + A·B.",
    "3 · Train": "Only A and B learn, from labelled texts: in the recipes here at most 2 % of the parameters.",
}
VERDICT_LOOKS = {
    "better": ("green", ":material/check_circle:"),
    "worse": ("red", ":material/cancel:"),
    "unsettled": ("orange", ":material/balance:"),
}


@st.cache_data(max_entries=4, show_spinner="Reading the newest result …")
def story_of(_run: Run, folder: str, written: float) -> Story:
    """Return a run's story; the arguments after the first say when it is out of date."""
    return tell_story(_run)


# The model is dropped once it has answered: this page is no place to keep one in memory.
@st.cache_data(max_entries=4, show_spinner="Loading the base model and asking it …")
def ask_base_model(text: str) -> Answer:
    return Classifier(EMBEDDED).classify([text])[0].baseline


@st.cache_data(show_spinner=False)
def embedded_rows() -> int:
    return len(load_data(EMBEDDED).rows)


def newest_story(runs: list[Run]) -> tuple[Run, Story] | None:
    """Return the newest run that has been judged, and its story; a run that cannot be read is passed over."""
    for run in runs:
        if run.has_comparison:
            try:
                return run, story_of(run, str(run.folder), run.predictions_file("tuned").stat().st_mtime)
            except (FinsentError, OSError):
                continue
    return None


def show_example(run: Run, example: Example, neutral: int) -> None:
    st.code(example.text, language=None, wrap_lines=True)
    st.markdown("This text is labelled **neutral**. What the two models call it:")
    with st.container(horizontal=True):
        st.badge(
            f"base model: {example.baseline}, {example.baseline_confidence:.0%}", icon=":material/close:", color="red"
        )
        right = example.tuned == "neutral"
        st.badge(
            f"fine-tuned: {example.tuned}, {example.tuned_confidence:.0%}",
            icon=":material/check:" if right else ":material/close:",
            color="green" if right else "red",
        )
    st.caption(
        f"From the test split of run {safe_title(run)}. The base model calls {example.called_positive:,} of "
        f"{neutral:,} neutral texts positive (or bullish), and fine-tuning put {example.put_right:,} of these right; "
        f"shown is, {'of those put right' if right else 'of all of them'} and news before posts, the one that the base "
        "model was surest about. Percentages are probabilities within the answer set."
    )


def show_invitation(busy: bool) -> None:
    st.code(HEADLINE, language=None, wrap_lines=True)
    st.markdown(
        "Nothing about profit or the price of a share: **neutral** news. The tutorial that this lab follows shows "
        "Qwen3-0.6B calling neutral news **positive**, “too optimistic”. It found the model right on about 27 % of "
        "test texts before fine-tuning and about 58 % after. Those figures are the tutorial's; yours come from "
        "a run of your own."
    )
    asked = st.button("Ask the base model now", icon=":material/bolt:", disabled=busy, key="ask")
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


def show_result(run: Run, story: Story) -> None:
    st.subheader("The newest result", anchor=False)
    color, icon = VERDICT_LOOKS[story.verdict.kind]
    first, *others = (plain_markdown(sentence) for sentence in story.verdict.sentences)
    before, after = story.comparison["baseline"], story.comparison["tuned"]
    words, accuracy, neutral = st.columns([2, 1, 1], gap="medium")
    with words:
        st.markdown(f":{color}[{icon}] **{first}**")
        for sentence in others:
            st.markdown(sentence)
        st.caption(f"Run {safe_title(run)} · {plain_markdown(run.model_title)} · {plain_markdown(run.source_title)}")
    with accuracy:
        show_change("Accuracy", before, after, "accuracy", story.comparison["n"])
    with neutral:
        show_change("Neutral called positive", before, after, "neutral_as_positive", after["neutral_n"])


def show_change(title: str, before: dict[str, Any], after: dict[str, Any], key: str, n: int) -> None:
    with st.container(border=True, height="stretch"):
        if after[key] is None:
            st.metric(title, "no neutral rows")
            return
        st.metric(title, f"{before[key]:.0%} → {after[key]:.0%}")
        ranges = [f"{low:.0%} to {high:.0%}" for low, high in (before[f"{key}_ci"], after[f"{key}_ci"])]
        st.caption(f"95 % intervals {ranges[0]}, then {ranges[1]}; n\u00a0=\u00a0{n:,}")


def show_next_step(active: Run | None, judged: Run | None) -> None:
    with st.container(border=True):
        if active is not None:
            st.markdown(f"**A run is at work:** {safe_title(active)}, {progress_words(active)}.")
            step = ("Watch it", ":material/show_chart:", "pages/train.py", {"run": active.id})
        elif judged is not None:
            st.markdown("**Next:** see what fine-tuning changed, row by row.")
            step = ("Compare the two models", ":material/grid_on:", "pages/compare.py", {"run": judged.id})
        else:
            st.markdown("**Next:** launch a quick run. It takes minutes on two CPU cores, and you can watch.")
            step = ("Launch a run", ":material/play_circle:", "pages/train.py", {})
        label, icon, target, query = step
        if st.button(label, type="primary", icon=icon, key="next-step"):
            st.switch_page(target, query_params=query)
        if judged is None:
            st.page_link("pages/dataset.py", label="Look at the data first", icon=":material/table_rows:")
        else:
            st.page_link("pages/neutral.py", label="Read the neutral news", icon=":material/search_insights:")
            st.page_link("pages/train.py", label="Launch another run", icon=":material/play_circle:")


def show_world(world: World, runs: list[Run]) -> None:
    st.subheader("This machine", anchor=False)
    finished = next((run for run in runs if run.state == "done" and run.seconds), None)
    speed = (
        f"Its last finished run ({finished.recipe.name}, {finished.steps:,} steps) took {in_words(finished.seconds)}."
        if finished
        else "A GPU is used where there is one, and is not needed."
    )
    st.markdown(f"**{plain_markdown(world.device)}.** {speed}")
    if world.hub:
        st.markdown(
            "**Hub world.** Qwen3-0.6B and Sujet-Finance-Instruct-177k can be fetched, as in the tutorial. The "
            "embedded model and headlines are here, too: choose on the Train page."
        )
    else:
        st.markdown(
            f"**Embedded world.** No model hub is in reach, and none is needed: SmolLM2-135M-Instruct and "
            f"{embedded_rows():,} lab headlines are here. The headlines are synthetic, written for this lab; the model "
            "and its training are real."
        )


def show_method() -> None:
    st.subheader("What QLoRA does", anchor=False)
    for column, (title, words) in zip(st.columns(3), STEPS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(words)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/model.py", label="See it counted on the model", icon=":material/account_tree:")
        what_is("baseline", "LoRA", "QLoRA", "NF4", "neutral called positive", "confidence interval")


runs, active = list_runs(default_runs_dir()), active_run(default_runs_dir())
found = newest_story(runs)
page_head("Why is neutral news called positive?", "And what does QLoRA fine-tuning do about it?")
story_side, step_side = st.columns([3, 2], gap="large")
with story_side:
    st.subheader("The error", anchor=False)
    if found is None:
        show_invitation(active is not None)
    elif found[1].example is None:
        st.markdown("In the newest run, the base model called no neutral test text positive.")
    else:
        show_example(found[0], found[1].example, found[1].comparison["baseline"]["neutral_n"])
with step_side:
    show_next_step(active, found[0] if found else None)
    show_world(look_around(), runs)
if found is not None:
    show_result(*found)
show_method()
