"""Parts of Compare that put the difference into proportion: the prior, references, confidence, a threshold."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from finsent.charts.calibration import (
    pieces_figure,
    pieces_table,
    reliability_figure,
    scale_figure,
    scale_table,
    threshold_figure,
)
from finsent.data.corrections import Flags
from finsent.evaluation.in_proportion import (
    Proportion,
    calibration_figures,
    references,
    run_tables,
    verdict_on,
)
from finsent.metrics.calibration import MIN_ROWS, Pair, prior_account, reliability_table
from finsent.metrics.classification import compare_predictions
from finsent.metrics.figures import Overlap, PriorAccount, ReferenceFigures
from finsent.metrics.reference_models import overlap_with_training, unseen_rows
from finsent.metrics.thresholds import threshold_choice, threshold_curve
from finsent.metrics.verdict import Verdict
from finsent.metrics.wording import points, prior_sentences, reference_sentences
from finsent.runs.evaluated_sets import OWN, judged_files
from finsent.runs.store import Run
from finsent.runs.taught import Taught, gaps_sentence
from pages.shared.ui import PERCENT, plain_markdown, show_chart, show_table, user_errors, what_is

MODEL_TITLES = {"baseline": "Baseline", "tuned": "Fine-tuned"}


@dataclass(frozen=True)
class Judged:
    """A run's saved predictions; ``key`` says when what was computed from them is out of date."""

    test: Pair
    validation: Pair | None
    training: Taught
    key: tuple[str, float]


@st.cache_resource(max_entries=8, show_spinner=False)
def load_judged(_run: Run, on: str, key: tuple[str, float]) -> Judged:
    return Judged(*run_tables(_run, on), key)


def judged(run: Run, on: str = OWN) -> Judged:
    """Return a run's predictions of a set of rows, read again only when their file has changed.

    Raises:
        RunStateError: its own rows are asked for, and were not judged by both models.
        RunError: they cannot be read.
    """
    written = judged_files(run, on)[1]
    # That there is none is said by what reads them.
    return load_judged(run, on, (str(written), written.stat().st_mtime if written.is_file() else 0.0))


@st.cache_resource(max_entries=16, show_spinner="Fitting offsets on the validation rows …")
def prior_of(_test: Pair, _validation: Pair, key: tuple[str, float], classes: int) -> PriorAccount:
    return prior_account(_test, _validation, classes)


@st.cache_resource(max_entries=16, show_spinner="Training the references on the rows that the adapter has learnt …")
def references_of(
    _test: Pair, _training: pd.DataFrame, key: tuple[str, float], classes: int
) -> dict[str, ReferenceFigures]:
    return references(_test[1], _training, classes)


@st.cache_resource(max_entries=16, show_spinner="Looking for test texts among the training rows …")
def overlap_of(_test: Pair, _training: pd.DataFrame, key: tuple[str, float]) -> Overlap:
    return overlap_with_training(_training, _test[0])


@st.cache_resource(max_entries=16, show_spinner="Weighing what got better and what got worse …")
def verdict_of(_judged: Judged, key: tuple[str, float], classes: int, flagged: Flags) -> Verdict:
    """Return the verdict on a run's two models; ``key`` and the ``flagged`` rows say when it is out of date."""
    test, validation, training = _judged.test, _if_enough(_judged.validation), _judged.training
    comparable, taught = training.comparable, training.rows
    proportion = Proportion(
        prior_corrected=prior_of(test, validation, key, classes) if validation is not None else None,
        calibration=None,
        reference=references_of(test, comparable, key, classes) if comparable is not None else None,
        overlap_with_training=overlap_of(test, taught, key) if taught is not None else None,
        unknown_training=training.gaps,
    )
    return verdict_on(test, proportion, classes, flagged)


def _if_enough(validation: Pair | None) -> Pair | None:
    """Return validation rows if something can be fitted on so many."""
    return validation if validation is not None and len(validation[0]) >= MIN_ROWS else None


def enough_validation_rows(validation: Pair | None) -> Pair | None:
    """Return validation rows; where they are too few to fit anything on, say so and return None."""
    enough = _if_enough(validation)
    if enough is None:
        count = 0 if validation is None else len(validation[0])
        st.info(
            f"This takes {MIN_ROWS} validation rows or more, and this run was judged on {count}. Nothing is "
            "ever fitted on test rows."
        )
    return enough


def show_prior(run: Judged, classes: int) -> None:
    st.markdown(
        "A model can gain merely by saying one label more or less often. Here the baseline gets one offset for each "
        "label, fitted on validation rows, and nothing else. What that gains needed no fine-tuning."
    )
    what_is("prior", "paired interval")
    validation = enough_validation_rows(run.validation)
    if validation is None:
        return
    account = prior_of(run.test, validation, run.key, classes)
    for sentence in prior_sentences(account.pieces):
        st.markdown(plain_markdown(sentence))
    parts = {"Accuracy": account.pieces.accuracy, "Neutral called positive": account.pieces.neutral_as_positive}
    for column, (title, pieces) in zip(st.columns(2, gap="medium"), parts.items(), strict=True):
        if pieces.baseline is None:
            continue
        table = pieces_table(pieces)
        with column:
            st.markdown(f"**{title}**")
            show_chart(
                pieces_figure(table),
                f"From the baseline to the fine-tuned model in three pieces; n = {pieces.total.n:,} test rows, "
                f"offsets fitted on {account.validation_n:,} validation rows.",
                table,
                key=f"pieces-{title}",
            )
    rows = {
        MODEL_TITLES[model]: {"accuracy": one.accuracy, "neutral called positive": one.neutral_as_positive}
        | {f"offset of {label}": offset for label, offset in one.offsets.items()}
        | {"temperature": one.temperature}
        for model, one in account.models.items()
    }
    with st.expander("Both models after correction, and the offsets"):
        show_table(
            pd.DataFrame(rows).T.rename_axis("corrected model").reset_index(),
            "corrected",
            column_config={"accuracy": PERCENT, "neutral called positive": PERCENT},
        )
        st.caption(
            "Offsets in nats, neutral's is 0 by definition. Fitted by maximum likelihood with one temperature "
            "(bias-corrected temperature scaling: Alexandari et al. 2020; see also contextual calibration: Zhao et al. "
            "2021, and batch calibration: Zhou et al. 2024)."
        )


def show_scale(run: Judged, classes: int) -> None:
    st.markdown(
        "What far smaller means reach with the same training rows. A large model that loses to them is no gain."
    )
    training = run.training.comparable
    if training is None:
        why = gaps_sentence(run.training.gaps) or "This run did not keep its training rows."
        st.info(plain_markdown(f"{why} So nothing can be trained on the same rows for scale."))
        if run.training.rows is not None:
            show_overlap(run, run.training.rows, classes)
        return
    comparison, found = compare_predictions(*run.test, classes), references_of(run.test, training, run.key, classes)
    for beats, sentence in reference_sentences(found):
        icon = ":green[:material/check:]" if beats else ":orange[:material/priority_high:]"
        st.markdown(f"{icon} {plain_markdown(sentence)}")
    figures = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}
    for column, (name, title) in zip(st.columns(2, gap="medium"), figures.items(), strict=True):
        table = scale_table(comparison.models, found, name)
        with column:
            st.markdown(f"**{title}**")
            show_chart(
                scale_figure(table),
                f"With 95 % intervals; n = {comparison.n:,} test rows; the references are trained on the "
                f"{len(training):,} rows that the fine-tuned adapter has learnt.",
                table,
                key=f"scale-{name}",
            )
    if run.training.rows is not None:
        show_overlap(run, run.training.rows, classes)


def show_overlap(run: Judged, training: pd.DataFrame, classes: int) -> None:
    st.markdown("**Test texts that were also trained on**")
    if words := gaps_sentence(run.training.gaps):
        st.caption(plain_markdown(f"{words} So more of these texts may have a twin."))
    overlap = overlap_of(run.test, training, run.key)
    n, of = overlap.n, overlap.of
    if n == 0:
        st.markdown(f"None of the {of:,} test texts has a twin among the {len(training):,} training texts.")
        return
    st.markdown(
        f"{n:,} of {of:,} test texts have a twin among the {len(training):,} training texts: {overlap.same:,} the "
        f"same apart from case, punctuation and links, {overlap.other_digits:,} but for digits, {overlap.near:,} nearly"
        ", with four fifths of the words of both. Figures on them flatter."
    )
    if n < of:
        before, after = (unseen_rows(table, overlap) for table in run.test)
        rest = compare_predictions(before, after, classes)
        st.markdown(
            f"Without them: accuracy {rest.baseline.accuracy:.1%} before, {rest.tuned.accuracy:.1%} after, "
            f"{plain_markdown(points(rest.accuracy_difference))}, n = {rest.n:,}."
        )
    seen = run.test[0][run.test[0]["row_id"].isin(overlap.row_ids)]
    show_table(seen[["text", "label", "source", "row_id"]], "trained-on", height=min(300, 40 + 36 * n))


def show_confidence(run: Judged) -> None:
    st.markdown("A model that says 80 % should be right in 80 of 100 cases. Below the dashed line it is too sure.")
    what_is("reliability", "Brier score")
    before, after = run.test
    figures = calibration_figures(run.test)
    if figures is None:
        st.info("These predictions have no probabilities.")
        return
    change = figures.brier_difference
    interval = "" if change.ci is None else f" (95 %: {change.ci.low:+.3f} to {change.ci.high:+.3f})"
    st.metric(
        "Brier score (lower is better)",
        f"{figures.baseline.brier.value:.3f} → {figures.tuned.brier.value:.3f}",
        f"{change.value:+.3f}{interval}",
        delta_color="inverse" if change.settled else "off",
        border=True,
        width="content",
    )
    both = (reliability_table(before), reliability_table(after))
    table = pd.concat([one.assign(model=name) for one, name in zip(both, MODEL_TITLES.values(), strict=True)])
    errors = ", ".join(
        f"{title.lower()} {one.expected_calibration_error:.1%}"
        for title, one in zip(MODEL_TITLES.values(), (figures.baseline, figures.tuned), strict=True)
    )
    show_chart(
        reliability_figure(*both),
        f"How often each model is right, by how sure it says it is, with 95 % intervals; n = {len(before):,} test "
        f"rows. Expected calibration error: {errors}.",
        table,
        key="reliability",
    )


def show_threshold(run: Judged) -> None:
    st.markdown(
        "Instead of the likeliest label, say “positive” only above a threshold. It is chosen on validation rows so "
        "that few neutral texts pass; the price is positive texts that are missed."
    )
    before, after = run.test
    validation = enough_validation_rows(run.validation)
    if validation is None:
        return
    target = st.select_slider(
        "At most this share of neutral validation texts may be called positive",
        [0.01, 0.02, 0.05, 0.1, 0.2, 0.3],
        value=0.05,
        format_func=lambda share: f"{share:.0%}",
        key="target",
        bind="query-params",
    )
    with user_errors():
        choice = threshold_choice(validation[1], after, target)
    recall, neutral = choice.positive_recall, choice.neutral_as_positive
    if recall.with_threshold is None or neutral.with_threshold is None:
        missing = "neutral" if neutral.with_threshold is None else "positive"
        st.info(f"None of these rows is {missing}, so what a threshold gains or costs cannot be seen on them.")
        return
    st.markdown(
        f"With the threshold **{choice.threshold:.2f}** the fine-tuned model calls **{neutral.with_threshold:.1%}** of "
        f"neutral test texts positive instead of {neutral.without:.1%} ({points(neutral.difference)}, "
        f"n = {neutral.difference.n:,}), and finds **{recall.with_threshold:.1%}** of the positive ones instead of "
        f"{recall.without:.1%} ({points(recall.difference)}, n = {recall.difference.n:,})."
    )
    curves = (threshold_curve(before), threshold_curve(after))
    show_chart(
        threshold_figure(*curves, (neutral.with_threshold, recall.with_threshold)),
        "Each point is a threshold: which share of the neutral test texts is called positive, and which share of the "
        f"positive ones is found. Further up and left is better; n = {recall.difference.n:,} positive and "
        f"{neutral.difference.n:,} neutral rows.",
        pd.concat([curve.assign(model=name) for curve, name in zip(curves, MODEL_TITLES.values(), strict=True)]),
        key="threshold",
    )
