"""Commands that put a difference into proportion: ``prior``, ``calibration``, ``threshold`` and ``written``."""

import argparse
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Commands, Printed, add_command
from finsent.cli.judged import add_judged, chosen_set
from finsent.cli.meant import meant_run
from finsent.cli.output import records, table_text
from finsent.errors import EmptyDataError, RunStateError, UsageError
from finsent.metrics.figures_json import to_json
from finsent.runs.store import Run

if TYPE_CHECKING:
    from finsent.metrics.calibration import Pair

MODELS = {"baseline": "baseline", "tuned": "fine-tuned"}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_judged(add_command(commands, "prior", show_prior))
    add_judged(add_command(commands, "calibration", show_calibration))
    threshold = add_command(commands, "threshold", show_threshold)
    threshold.add_argument(
        "--at-most", type=float, default=0.05, metavar="SHARE", help="of neutral texts called positive (default 0.05)"
    )
    threshold.add_argument("--model", choices=list(MODELS), default="tuned", help="whose answers (default tuned)")
    add_judged(threshold)
    written = add_command(commands, "written", show_written)
    written.add_argument(
        "--invalid-as-neutral", action="store_true", help="count invalid answers as neutral, as some evaluators do"
    )
    add_judged(written)


def show_prior(options: argparse.Namespace) -> Printed:
    """What a mere shift of the prior explains: label offsets fitted on validation rows, and what lies beyond them.

    Example: ``python -m finsent prior latest``
    """
    from finsent.metrics.calibration import prior_account
    from finsent.metrics.wording import prior_sentences

    run, test, validation = _tables(options)
    account = prior_account(test, validation, options.classes)
    lines = prior_sentences(account.pieces)
    for name, model in account.models.items():
        offsets = ", ".join(f"{label} {offset:+.2f}" for label, offset in model.offsets.items())
        lines.append(f"{MODELS[name]}: offsets {offsets}; temperature {model.temperature:.2f}")
    lines.append(f"Fitted on {account.validation_n:,} validation rows; offsets in nats, neutral's is 0 by definition.")
    return Printed({"run": run.id} | to_json(account), "\n".join(lines))


def show_calibration(options: argparse.Namespace) -> Printed:
    """How sure both models are, and how often they are right: Brier score, calibration error, reliability.

    Example: ``python -m finsent calibration latest``
    """
    from finsent.evaluation.in_proportion import calibration_figures
    from finsent.metrics.calibration import reliability_table

    run, test, _ = _tables(options, needs_validation=False)
    figures = calibration_figures(test)
    if figures is None:
        raise EmptyDataError(f"The answers of run {run.id} on these rows are written ones and have no probabilities.")
    tables = {model: reliability_table(table) for model, table in zip(MODELS, test, strict=True)}
    sure = {"baseline": figures.baseline, "tuned": figures.tuned}
    lines = [
        f"{MODELS[model]}: Brier score {one.brier.value:.3f}, expected calibration error "
        f"{one.expected_calibration_error:.1%}, n = {one.brier.n:,}\n{table_text(tables[model], rows=None)}"
        for model, one in sure.items()
    ]
    change = figures.brier_difference
    interval = "" if change.ci is None else f" (95 %: {change.ci[0]:+.3f} to {change.ci[1]:+.3f})"
    lines.append(f"Brier score, fine-tuned minus baseline: {change.value:+.3f}{interval}; lower is better")
    reliability = {model: records(table) for model, table in tables.items()}
    return Printed({"run": run.id} | to_json(figures) | {"reliability": reliability}, "\n\n".join(lines))


def show_threshold(options: argparse.Namespace) -> Printed:
    """Say “positive” only above a threshold, chosen on validation rows: what that gains and what it costs.

    Example: ``python -m finsent threshold latest --at-most 0.02``
    """
    from finsent.metrics.thresholds import threshold_choice, threshold_curve
    from finsent.metrics.wording import points

    if not 0 <= options.at_most <= 1:
        raise UsageError(f"--at-most is a share from 0 to 1, not {options.at_most:g}.")
    run, test, validation = _tables(options)
    place = list(MODELS).index(options.model)
    choice = threshold_choice(validation[place], test[place], options.at_most)
    lines = [f"threshold {choice.threshold:.2f}, from {len(validation[place]):,} validation rows"]
    parts = {"neutral called positive": choice.neutral_as_positive, "positive texts found": choice.positive_recall}
    for title, effect in parts.items():
        if effect.without is None or effect.with_threshold is None:
            lines.append(f"{title}: no such test rows")
            continue
        change = f"{points(effect.difference)}, n = {effect.difference.n:,}"
        lines.append(f"{title}: {effect.without:.1%} without, {effect.with_threshold:.1%} with it ({change})")
    value = {"run": run.id, "model": options.model, "at_most": options.at_most, "n_validation": len(validation[place])}
    value |= to_json(choice) | {"curve": records(threshold_curve(test[place]))}
    return Printed(value, "\n".join(lines))


def show_written(options: argparse.Namespace) -> Printed:
    """The answers that both models write, beside those of label scoring; after evaluate --generate.

    Example: ``python -m finsent written latest --invalid-as-neutral``
    """
    import pandas as pd

    from finsent.metrics.classification import evaluate_predictions
    from finsent.metrics.written_answers import as_generated, disagreements, has_generated

    run, test, _ = _tables(options, needs_validation=False)
    if not all(has_generated(table) for table in test):
        rows = "" if options.on is None else " --data FILE"
        raise RunStateError(
            f"The models of run {run.id} have written no answers for these rows yet. Let them: "
            f"python -m finsent evaluate {run.id}{rows} --generate"
        )
    value: dict[str, Any] = {"run": run.id, "invalid_as_neutral": options.invalid_as_neutral}
    lines: list[dict[str, Any]] = []
    for model, table in zip(MODELS, test, strict=True):
        ways = {"scored": table, "written": as_generated(table, options.invalid_as_neutral)}
        figures = {way: evaluate_predictions(answers, options.classes) for way, answers in ways.items()}
        different = disagreements(table)
        value[model] = {way: to_json(one) for way, one in figures.items()} | {"disagreements": records(different)}
        lines += [
            {"model": MODELS[model], "answers": way, "accuracy": one.accuracy, "macro-F1": one.macro_f1}
            | {"neutral called positive": one.neutral_as_positive, "invalid": one.invalid, "n": one.n}
            | {"disagreements": len(different)}
            for way, one in figures.items()
        ]
    return Printed(value, table_text(pd.DataFrame(lines)))


def _tables(options: argparse.Namespace, needs_validation: bool = True) -> "tuple[Run, Pair, Pair]":
    """Return the run and its predictions of the rows asked for, and of its validation rows.

    Raises:
        EmptyDataError: there are too few validation rows, and they are needed.
    """
    from finsent.evaluation.in_proportion import run_tables
    from finsent.metrics.calibration import MIN_ROWS

    run = meant_run(options)
    test, validation, _ = run_tables(run, chosen_set(run, options.on))
    count = 0 if validation is None else len(validation[0])
    if needs_validation and count < MIN_ROWS:
        raise EmptyDataError(
            f"This takes {MIN_ROWS} validation rows or more, and run {run.id} was judged on {count}. Nothing is ever "
            "fitted on test rows. Train with more: --set validation_rows=200"
        )
    return run, test, validation or test
