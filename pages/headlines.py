"""Headlines: type or paste financial texts and see what the baseline and a fine-tuned model call them."""

import io

import pandas as pd
import streamlit as st

from finsent.charts_headlines import answers_table, probability_bars
from finsent.classify import Classified, Classifier, read_texts
from finsent.datasets import export_csv
from finsent.errors import FinsentError
from finsent.history import adapter_time
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.runs import Run, default_runs_dir, list_runs
from pages._choose_run import choose_run
from pages._run_parts import safe_title
from pages._ui import page_head, plain_markdown, show_chart, user_errors, what_is

EXAMPLES = """\
Nordlake Systems proudly opens a bright new visitor centre beside its Tampere plant.
Operating profit at Harrowgate Foods fell to EUR 3.1 million from EUR 4.9 million a year earlier.
Velmora Shipping narrowed its quarterly loss as freight rates recovered."""
MAX_CHARTS = 5


@st.cache_resource(max_entries=1, show_spinner="Loading the base model in 4 bits …")
def load_classifier(model: str, run_id: str | None, trained: int) -> Classifier:
    """Return the classifier of a run, or of a base model alone; ``trained`` changes when its adapter does."""
    run = next((run for run in list_runs(default_runs_dir()) if run.id == run_id), None)
    return Classifier.of_run(run) if run else Classifier(model)


def choose_adapter(runs: list[Run]) -> Run | None:
    if runs:
        return choose_run(runs, lambda run: True, "Fine-tuned model")
    st.info("No fine-tuned model yet, so only the baseline answers. A quick run takes a few minutes.")
    st.page_link("pages/train.py", label="Launch a run", icon=":material/play_circle:")
    return None


def show_results(results: list[Classified], answers_name: str, seconds: float, title: str) -> None:
    models = f"the baseline and run {title}" if title else "the baseline"
    st.caption(
        f"{len(results)} {'text' if len(results) == 1 else 'texts'} by {models}, {seconds:.2f} s on this machine. "
        f"Probabilities are within the answer set of {answers_name}."
    )
    for number, result in enumerate(results[:MAX_CHARTS]):
        with st.container(border=True):
            st.text(result.text)
            if result.tuned is None:
                st.markdown(f"The baseline says **{result.baseline.label}**.")
            elif result.tuned.label == result.baseline.label:
                st.markdown(f"Both models say **{result.tuned.label}**.")
            else:
                st.markdown(f"Baseline **{result.baseline.label}**, fine-tuned **{result.tuned.label}**.")
            show_chart(
                probability_bars(result), "The probability of each label, one bar a model.", key=f"bars-{number}"
            )
    table = answers_table(results)
    if len(results) > MAX_CHARTS:
        st.caption(f"Charts for the first {MAX_CHARTS}; the table has all {len(results)}.")
    shares = [name for name in table.columns if ": " in name]
    st.dataframe(
        table,
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="percent") for name in shares},
    )
    st.download_button("Download as CSV", export_csv(table), "headlines.csv", "text/csv", icon=":material/download:")


page_head(
    "Headlines", "Type a financial headline. Both models answer: the base model as it came, and the fine-tuned one."
)
what_is("baseline", "adapter", "answer set")
with user_errors():
    run = choose_adapter([run for run in list_runs(default_runs_dir()) if run.has_adapter])
kinds = {"News (positive, neutral, negative)": NEWS_ANSWERS, "Market posts (bearish, neutral, bullish)": POST_ANSWERS}
with st.form("headlines", border=False):
    kind = st.radio("The prompt asks for", list(kinds), horizontal=True)
    typed = st.text_area("Headlines, one a line", EXAMPLES, height=130, help="The three given here are invented.")
    upload = st.file_uploader("Or a CSV file with a column “text”", type="csv")
    asked = st.form_submit_button("Classify", type="primary", icon=":material/bolt:")

if asked:
    st.session_state.pop("headline_results", None)
    try:
        texts = read_texts(io.BytesIO(upload.getvalue()), upload.name) if upload else typed.splitlines()
        texts = [text for text in texts if text.strip()]
        named = (run.recipe.model, run.id, adapter_time(run)) if run else ("embedded", None, 0)
        classifier = load_classifier(*named)
        with st.spinner(f"Asking {'both models' if run else 'the baseline'} about {len(texts)} texts …"):
            started = pd.Timestamp.now()
            results = classifier.classify(texts, kinds[kind])
            seconds = (pd.Timestamp.now() - started).total_seconds()
        st.session_state["headline_results"] = (results, kind, seconds, safe_title(run) if run else "")
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
if "headline_results" in st.session_state:
    show_results(*st.session_state["headline_results"])
