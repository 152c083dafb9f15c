"""Commands that change texts and see what the models say: ``edits`` and ``behave``."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from finsent.cli.arguments import Commands, Printed, add_command, add_output, add_run, known
from finsent.cli.meant import answers_anew, meant_run
from finsent.cli.output import records, table_text, write_table
from finsent.cli.progress import counter
from finsent.cli.why import add_whose, answers_asked
from finsent.evaluation.edits import RULES
from finsent.metrics.figures_json import to_json

if TYPE_CHECKING:
    import pandas as pd

    from finsent.metrics.behaviour import RuleFigures

_SHOWN = ["rule", "expects", "texts", "baseline", "tuned", "difference", "low", "high", "p (Holm)"]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    edits = add_command(commands, "edits", show_edits)
    edits.add_argument("text", metavar="TEXT")
    edits.add_argument("--to", action="append", default=[], metavar="EDIT", help="the text changed; may be given often")
    add_output(edits, "--csv", "write the table as CSV")
    add_whose(edits)

    behave = add_command(commands, "behave", show_behaviour)
    add_run(behave, optional=True)
    behave.add_argument("--split", choices=["test", "validation"], default="test", help="whose rows (default test)")
    behave.add_argument("--rule", metavar="NAME", help="the texts that a model fails this rule on")
    add_output(behave, "--csv", "write every edit with both models' answers as CSV")


def show_edits(options: argparse.Namespace) -> Printed:
    """What if: a text, the edits that rules suggest, and your own, answered by both models.

    Example: ``python -m finsent edits "Profit rose in May." --to "Profit fell in May." --run latest``
    """
    from finsent.evaluation.classifier import text_rows, whose_classifier
    from finsent.evaluation.tried import tried_table, try_edits

    answers = answers_asked(options)
    text_rows([options.text, *options.to], answers)
    classifier, title = whose_classifier(options.runs_dir, options.run, options.model)
    original, tried = try_edits(classifier, options.text, tuple(options.to), answers)
    table = tried_table(original, tried)
    if options.csv is not None:
        write_table(options.csv, table)
    models = {"baseline": original.baseline, "fine-tuned": original.tuned}
    said = [f"{name}: {one.label} {one.probabilities[one.label]:.2f}" for name, one in models.items() if one]
    value = {"original": original.as_json(), "edits": records(table)}
    return Printed(value, "\n".join([title, original.text, "  ".join(said), table_text(table, rows=None)]))


def show_behaviour(options: argparse.Namespace) -> Printed:
    """Behavioural tests: each rule's edits of a run's rows, and how often each model fails them.

    A minute or more: every edit is answered by both models.
    Example: ``python -m finsent behave latest --rule "rose or fell"``
    """
    from finsent.evaluation.behaviour import failures, run_behaviour
    from finsent.metrics.behaviour import behaviour_figures

    if options.rule is not None:
        known([options.rule], [rule.name for rule in RULES], "rule")
    run = meant_run(options, answers_anew)
    outcomes = run_behaviour(run, options.split, counter("answers"))
    if options.csv is not None:
        write_table(options.csv, outcomes)
    figures = behaviour_figures(outcomes)
    value = {"run": run.id, "split": options.split, "rules": [to_json(one) for one in figures]}
    text = _figures_text(figures)
    if options.rule is not None:
        failed = failures(outcomes, options.rule)
        value["failures"] = records(failed)
        text = f"{text}\n{_failures_text(failed)}"
    return Printed(value, text)


def _figures_text(figures: "Sequence[RuleFigures]") -> str:
    from finsent.metrics.behaviour import MIN_TEXTS, behaviour_table

    table = table_text(behaviour_table(list(figures))[_SHOWN], rows=None)
    return f"{table}\nFailures; of fewer than {MIN_TEXTS} texts they are counted and not compared."


def _failures_text(failed: "pd.DataFrame") -> str:
    return f"{len(failed):,} failed\n{table_text(failed[['gold', 'baseline edited', 'tuned edited', 'edited']])}"
