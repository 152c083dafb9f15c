"""Commands that say why a model answers as it does: ``explain`` and ``pushes``."""

import argparse

from finsent.cli.arguments import MODEL_HELP, UNNAMED, Commands, Printed, add_command, add_output, add_run, add_runs_dir
from finsent.cli.meant import answers_anew, meant_run
from finsent.cli.output import records, table_text, write_table
from finsent.cli.progress import counter
from finsent.errors import UsageError
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.runs.find import RUN_HELP


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    why = add_command(commands, "explain", show_why)
    why.add_argument("texts", nargs="+", metavar="TEXT")
    add_whose(why)
    why.add_argument(
        "--shapley", type=int, default=0, metavar="PAIRS", help="Shapley values from so many pairs of orders, 2 or more"
    )
    add_output(why, "--csv", "write every word's values as CSV")

    pushes = add_command(commands, "pushes", show_pushes)
    add_run(pushes, optional=True)
    pushes.add_argument("--word", help="the texts that hold this word, with what it adds in each")
    pushes.add_argument("--min-texts", type=int, default=3, metavar="N", help="words of at least so many (default 3)")
    add_output(pushes, "--csv", "write the table as CSV")


def add_whose(command: argparse.ArgumentParser) -> None:
    """Add whose answers are asked for, ``--run`` or ``--model``, and ``--posts``."""
    whose = command.add_mutually_exclusive_group()
    whose.add_argument("--run", help=f"whose adapter: {RUN_HELP}; default: {UNNAMED}")
    whose.add_argument("--model", help=f"a base model alone, without an adapter: {MODEL_HELP}")
    command.add_argument("--posts", action="store_true", help="market posts: bearish, neutral or bullish")
    add_runs_dir(command)


def answers_asked(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the answer set that ``--posts`` chooses."""
    return POST_ANSWERS if options.posts else NEWS_ANSWERS


def show_why(options: argparse.Namespace) -> Printed:
    """Which words push a text towards which label: leave each out, baseline beside fine-tuned.

    Values are changes of a label's log-probability: above zero the word pushes towards it.
    Example: ``python -m finsent explain "Profit rose to EUR 3 million." --run latest``
    """
    from finsent.evaluation.attribution import effects_table, explain, sentence
    from finsent.evaluation.classifier import text_rows, whose_classifier

    if options.shapley < 0 or options.shapley == 1:
        raise UsageError("--shapley takes 2 pairs of orders or more; 8 are quick, 50 are exact to a few hundredths.")
    answers = answers_asked(options)
    text_rows(options.texts, answers)
    classifier, title = whose_classifier(options.runs_dir, options.run, options.model)
    explained = [explain(classifier, text, answers, options.shapley) for text in options.texts]
    lines = [title]
    tables = []
    for one in explained:
        table = effects_table(one)
        tables.append(table.assign(text=one.text))
        lines += [one.text, *(sentence(one, model) for model in one.models), table_text(table, rows=None)]
    if options.csv is not None:
        import pandas as pd

        write_table(options.csv, pd.concat(tables, ignore_index=True))
    return Printed([one.as_json() for one in explained], "\n".join(lines))


def show_pushes(options: argparse.Namespace) -> Printed:
    """Which words push neutral texts towards positive, on average over a run's validation rows, before and after.

    A minute or more: every word of every neutral validation text is left out in turn.
    Example: ``python -m finsent pushes latest --word opens``
    """
    from finsent.evaluation.classifier import Classifier
    from finsent.evaluation.pushes import neutral_validation_rows, push_table, texts_with, word_effects

    if options.min_texts < 2:
        raise UsageError("--min-texts is 2 or more: an interval takes two texts.")
    run = meant_run(options, answers_anew)
    rows = neutral_validation_rows(run)
    effects = word_effects(Classifier.of_run(run), rows, counter("texts without a word"))
    table = push_table(effects, options.min_texts)
    if options.word is not None:
        table = texts_with(effects, options.word.casefold())
    if options.csv is not None:
        write_table(options.csv, table)
    left_out = effects.attrs["left_out"]
    said = f"{len(rows) - left_out:,} neutral validation texts; {left_out:,} left out as too long to explain"
    value = {"run": run.id, "texts": len(rows) - left_out, "left_out": left_out, "rows": records(table)}
    return Printed(value, f"{said}\n{table_text(table)}")
