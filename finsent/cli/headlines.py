"""The command ``classify``: the labels of new texts."""

import argparse
import sys
from typing import TYPE_CHECKING

from finsent.cli.arguments import Commands, Printed, add_command, add_output
from finsent.cli.output import write_file, write_table
from finsent.cli.why import add_whose, answers_asked
from finsent.data.schema import TEXT_NAMES

if TYPE_CHECKING:
    from finsent.data.texts import Texts

_OR = f"{', '.join(TEXT_NAMES[:-1])} or {TEXT_NAMES[-1]}"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    label = add_command(commands, "classify", classify)
    label.add_argument("texts", nargs="*", metavar="TEXT")
    add_output(label, "--parquet", "write both models' answers as Parquet")
    add_whose(label)
    label.add_argument("--file", help="a .csv, .json, .jsonl or .parquet file of headlines")
    label.add_argument("--text-column", metavar="NAME", help=f"its column with the texts; default: {_OR} if clear")
    add_output(label, "--csv", "write both models' answers as CSV")


def classify(options: argparse.Namespace) -> Printed:
    """Label texts, baseline beside fine-tuned.

    Example: ``python -m finsent classify "Profit rose to EUR 3 million." --run latest``
    """
    from finsent.evaluation.classifier import text_rows, whose_classifier

    of_file = _texts_of_file(options)
    texts = [*options.texts, *(of_file.texts if of_file else ())]
    answers = answers_asked(options)
    text_rows(texts, answers)
    classifier, title = whose_classifier(options.runs_dir, options.run, options.model)
    results = classifier.classify(texts, answers)
    if options.csv is not None or options.parquet is not None:
        from finsent.charts.headlines import headlines_parquet, headlines_table, with_own_columns

        own = of_file.others if of_file else None
        if own is not None and options.texts:
            print("finsent: The file's other columns are left out: not all texts are the file's.", file=sys.stderr)
            own = None
        table = with_own_columns(headlines_table(results), own)
        if options.csv is not None:
            write_table(options.csv, table)
        if options.parquet is not None:
            write_file(options.parquet, headlines_parquet(table))
    lines = [title]
    for result in results:
        lines.append(result.text)
        for name, answer in (("baseline", result.baseline), ("tuned", result.tuned)):
            if answer is not None:
                shares = "  ".join(f"{label} {share:.2f}" for label, share in answer.probabilities.items())
                lines.append(f"  {name:<9}{answer.label:<10}{shares}")
    return Printed([result.as_json() for result in results], "\n".join(lines))


def _texts_of_file(options: argparse.Namespace) -> "Texts | None":
    """Return the texts of ``--file``, and say which column they come from where another name than text was taken."""
    if options.file is None:
        return None
    from finsent.data.texts import read_text_file, texts_of

    advice = "Name the column with the texts: --text-column NAME."
    found = texts_of(read_text_file(options.file), options.file, advice, options.text_column)
    if found.column.note:
        print(f"finsent: {found.column.note}", file=sys.stderr)
    return found
