"""A model card filled from a run: what it is, how it is used, what it was trained on, what it is worth, its limits."""

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment

from finsent.data.checks import Finding
from finsent.data.hub_set import names_data_set
from finsent.errors import FinsentError
from finsent.evaluation.in_proportion import run_verdict
from finsent.files import ASSETS
from finsent.metrics.figures import Comparison, Interval
from finsent.metrics.wording import verdict_sentences
from finsent.recipe import changed_fields
from finsent.recipe_form import show_value
from finsent.runs.adapter_export import base_origin, public_name
from finsent.runs.chain import built_on
from finsent.runs.history import read_comparison
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run
from finsent.runs.taught import gaps_sentence, taught_rows

_TEMPLATE = ASSETS / "model_card.md.jinja"
_EMBEDDED, _HUB = "embedded", "hub"
_DATA_LICENCE = {
    _EMBEDDED: "CC0, written for finsent; synthetic: nobody reported these events",
    _HUB: "the one on its page on the hub",
}
_UNKNOWN_LICENCE = "unknown here: whoever owns the file says"
#: Of the base models that are known by name; any other is "other", as the hub calls it.
_MODEL_LICENCE = {"embedded": "apache-2.0", "qwen3-0.6b": "apache-2.0"}
_FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced accuracy",
}


def model_card(run: Run, form: str, certificate: list[dict[str, Any]] | None = None) -> str:
    """Return the README of an exported run, in the Markdown that model hubs read.

    ``form`` is ``adapter``, ``merged`` or ``model-card``; ``certificate`` has the rows of a merged model's
    (see :mod:`finsent.report.merged`).
    """
    comparison = read_comparison(run)
    findings, trouble = _findings(run)
    return (
        Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True)
        .from_string(_TEMPLATE.read_text(encoding="utf-8"))
        .render(
            metadata=_metadata(run, form, comparison).to_yaml(),
            form=form,
            run=run,
            title=quoted(run.title),
            base=base_origin(run),
            base_licence=_MODEL_LICENCE.get(run.recipe.model, "other"),
            base_hash=run.model_hash,
            dtype=run.settled_recipe.compute_dtype,
            data=quoted(_data_name(run)),
            data_licence=_data_licence(run.recipe.source),
            settings=_settings(run),
            figures=_figure_rows(comparison),
            classes=_class_rows(comparison),
            n=comparison.n if comparison else 0,
            verdict=verdict_sentences(run_verdict(run)) if comparison and run.has_comparison else (),
            taught=_taught(run),
            findings=findings,
            trouble=trouble,
            certificate=certificate,
        )
    )


def quoted(text: str) -> str:
    """Return somebody's text as Markdown shows it letter by letter, inside a line or a cell of a table."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "/")
    return f"`{plain}`" if plain else ""


def _metadata(run: Run, form: str, comparison: Comparison | None) -> ModelCardData:
    origin = base_origin(run)
    results = comparison and [
        EvalResult(
            task_type="text-classification",
            dataset_type="other",
            dataset_name=_data_name(run),
            metric_type=metric,
            metric_value=round(value, 4),
        )
        for metric, value in (("accuracy", comparison.tuned.accuracy), ("f1", comparison.tuned.macro_f1))
    ]
    return ModelCardData(
        language="en",
        license=_MODEL_LICENCE.get(run.recipe.model, "other"),
        base_model=origin["name"] if origin["kind"] != "folder" else None,
        library_name="transformers" if form == "merged" else "peft",
        pipeline_tag="text-generation",
        tags=["finance", "sentiment-analysis", "qlora"] + (["lora"] if form != "merged" else []),
        model_name=run.title if results else None,
        eval_results=results or None,
        ignore_metadata_errors=True,
    )


def _taught(run: Run) -> str:
    """Return what the adapter has learnt besides the run's own rows, in a sentence; "" where that is nothing."""
    found = taught_rows(run)
    if not built_on(run) or found.rows is None:
        return gaps_sentence(found.gaps)
    counted = f"Its adapter builds on {', '.join(built_on(run))} and has learnt {len(found.rows):,} texts in all."
    return " ".join(filter(None, [counted, gaps_sentence(found.gaps)]))


def _data_name(run: Run) -> str:
    """Return what the data are called; of a path its last part alone."""
    title = run.source_title or run.recipe.source
    return Path(title).name if Path(title).is_absolute() else title


def _data_licence(source: str) -> str:
    return _DATA_LICENCE.get(_HUB if names_data_set(source) else source, _UNKNOWN_LICENCE)


def _settings(run: Run) -> list[tuple[str, str, str]]:
    """Return each setting with its value and, where the recipe's own is another, that; no path of this machine."""
    changed = changed_fields(run.recipe)
    shown = run.settled_recipe.model_dump() | {"model": public_name(run), "source": _data_name(run)}
    return [
        (name, quoted(show_value(value)), quoted(show_value(changed[name][0])) if name in changed else "")
        for name, value in shown.items()
    ]


def _figure_rows(comparison: Comparison | None) -> list[tuple[str, str, str, int]]:
    if comparison is None:
        return []
    before, after = comparison.baseline, comparison.tuned
    rows = [
        (title, _share(*before.of(figure)), _share(*after.of(figure)), comparison.n)
        for figure, title in _FIGURES.items()
    ]
    called, still_called = (_share(one.neutral_as_positive, one.neutral_as_positive_ci) for one in (before, after))
    return [*rows, ("neutral called positive", called, still_called, after.neutral_n)]


def _class_rows(comparison: Comparison | None) -> list[tuple[str, str, int, str, int]]:
    if comparison is None:
        return []
    return [
        (label, _share(one.precision, one.precision_ci), one.called, _share(one.recall, one.recall_ci), one.support)
        for label, one in comparison.tuned.per_class.items()
    ]


def _share(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "–"
    ends = f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
    return f"{value:.3f}{ends}"


def _findings(run: Run) -> tuple[list[Finding], str]:
    """Return what the checks find in the run's data, or why they cannot be looked at again."""
    try:
        return prepare_again(run).findings, ""
    except FinsentError:
        # The message may name a path of this machine.
        return [], "The data could not be read again when this card was written, so their checks are missing here."
