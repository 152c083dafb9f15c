"""Commands about data before any training: ``data`` and ``rows``."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import MODEL_HELP, Commands, Printed, add_choices, add_command, add_output, add_source, known
from finsent.cli.output import records, table_text, write_table
from finsent.data.choices import choices_of
from finsent.errors import UsageError
from finsent.models.base import EMBEDDED
from finsent.prompts import completion

if TYPE_CHECKING:
    import pandas as pd

    from finsent.data.dataset import SentimentData


#: Options of ``rows`` that keep some values of a column, and what a value is.
_KEPT = {
    "--label": "a label",
    "--split": "a split",
    "--topic": "a topic",
    "--task": "a task, also another than sentiment",
}
#: Refused rows that are printed one by one.
_SHOWN_REFUSED = 20


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    data = add_command(commands, "data", show_data)
    data.add_argument("--card", action="store_true", help="print the data card instead")
    add_source(data)
    data.add_argument("--words", action="store_true", help="the words that mark each label, too")
    data.add_argument("--lengths", metavar="MODEL", help=f"lengths in tokens of a model, too: {MODEL_HELP}")
    add_output(data, "--refused", "write the rows that cannot be used as CSV, each with why")
    add_choices(data)
    rows = add_command(commands, "rows", show_rows)
    rows.add_argument("--search", default="", metavar="TEXT", help="any part of a text, whatever its case")
    for option, what in _KEPT.items():
        rows.add_argument(option, action="append", default=[], help=f"{what} to keep; may be given several times")
    rows.add_argument(
        "--from", action="append", default=[], dest="source_kept", help="where rows come from, as data lists sources"
    )
    rows.add_argument("--shortest", type=int, default=0, metavar="N", help="the fewest characters of a text")
    rows.add_argument("--longest", type=int, default=10**9, metavar="N", help="the most characters of a text")
    rows.add_argument("--order", metavar="ORDER", help="“shortest first”, “longest first”, “A to Z”, “by label”, …")
    rows.add_argument("--finding", type=int, metavar="NUMBER", help="the rows of a finding, numbered as data has them")
    rows.add_argument("--row", metavar="ID", help="open one row: prompt, answer and tokens")
    rows.add_argument("--tokenizer", default=EMBEDDED, metavar="MODEL", help=f"with --row: {MODEL_HELP}")
    add_output(rows, "--csv", "write the rows as CSV")
    add_source(rows)
    add_choices(rows)


def show_data(options: argparse.Namespace) -> Printed:
    """Rows, labels, splits and findings of a data set.

    Example: ``python -m finsent data --source embedded``
    """
    from finsent.data.checks import LEAKS
    from finsent.data.dataset import describe, load_data
    from finsent.data.formats.raw import refused_table

    # Shown is also what could not be trained on: nothing is used here, and what is left out is counted.
    data = load_data(options.source, replace(choices_of(options), leave_out=True))
    if options.refused is not None:
        write_table(options.refused, refused_table(data.refused))
    if options.card:
        return _card(data)
    facts = describe(data)
    lines = [f"{facts['title']}: {facts['rows']:,} sentiment rows"]
    if facts["read_as"]:
        lines += ["read as: " + "; ".join(f"{name} {words}" for name, words in facts["read_as"].items())]
    lines += [f"  {label:<10}{count:>8,}" for label, count in facts["labels"].items()]
    lines += [f"note: {note}" for note in facts["notes"]]
    lines += _refused_lines(data)
    lines += ["splits: " + ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items())]
    lines += ["sources: " + ", ".join(f"{name} {count:,}" for name, count in facts["families"].items())]
    lines += [
        f"finding {number}: {finding['title']} ({finding['n']:,})"
        for number, finding in enumerate(facts["findings"], start=1)
    ]
    if options.words or options.lengths is not None:
        more, said = _distributions(data.rows, options)
        facts, lines = facts | more, lines + said
    if any(finding["title"] == LEAKS for finding in facts["findings"]):
        lines += ["train --set split=grouped keeps twins on one side of the split"]
    return Printed(facts, "\n".join(lines))


def _distributions(rows: "pd.DataFrame", options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from finsent.inference.lengths import limit_table, token_lengths
    from finsent.inference.token_view import load_tokenizer
    from finsent.metrics.words import MOST_WORDS, label_words

    facts: dict[str, Any] = {}
    lines: list[str] = []
    if options.words:
        words = label_words(rows)
        facts["words"] = records(words)
        for label, table in words.groupby("label", sort=False):
            lines += [f"words that mark {label} (at most {MOST_WORDS}, none of grammar): {', '.join(table['word'])}"]
    if options.lengths is not None:
        lengths = token_lengths(load_tokenizer(options.lengths), rows)
        limits = limit_table(lengths)
        facts["lengths"] = {"n": len(lengths), "longest": int(lengths.max()), "limits": records(limits)}
        lines += [f"tokens of prompt and answer, n = {len(lengths):,}, longest {lengths.max():,}; rows over a limit:"]
        lines += [table_text(limits)]
    return facts, lines


def _refused_lines(data: "SentimentData") -> list[str]:
    from finsent.data.formats.raw import refused_in_words

    if not data.refused:
        return []
    head = f"refused: {len(data.refused):,} of {data.total_rows:,} rows: {refused_in_words(data.refused)}"
    rows = [f"  {one.where} of {one.file}: {one.reason}" for one in data.refused[:_SHOWN_REFUSED]]
    return [head, *rows, "Training and evaluation stop at them; --leave-out goes on without, --refused FILE lists all."]


def show_rows(options: argparse.Namespace) -> Printed:
    """Search and filter the rows of a data set, or open one.

    Example: ``python -m finsent rows --search profit --label neutral --split test --csv neutral.csv``
    """
    from finsent.data.browse import ORDERS, TASK_COLUMN, browsable, filter_rows, places_in_order
    from finsent.data.dataset import load_data, split_rows
    from finsent.data.sujet import TASK

    data = load_data(options.source, choices_of(options), others=bool(options.task))
    rows = browsable(split_rows(data.rows), data.others)
    sentiment = rows[rows[TASK_COLUMN] == TASK]
    if options.row is not None:
        return _open_row(sentiment, options.row, options.tokenizer)
    wanted = {
        "label": options.label,
        "split": options.split,
        "topic": options.topic,
        "source": options.source_kept,
        "task": options.task,
    }
    for column, values in wanted.items():
        known(values, sorted(set(rows[column]) - {""}), column)
    if options.order is not None:
        known([options.order], ORDERS, "order")
    length = (options.shortest, options.longest)
    among = rows if options.finding is None else _rows_of_finding(sentiment, options.finding)
    found = filter_rows(among, options.search, length, **wanted)
    found = found.iloc[places_in_order(found, options.order or "")]
    shown = found[["row_id", "label", "text", "split", "source", "topic", "answers"]]
    if options.csv is not None:
        write_table(options.csv, shown)
    head = f"{len(found):,} of {len(rows):,} rows"
    return Printed(records(shown), f"{head}\n{table_text(shown[['row_id', 'label', 'split', 'text']])}")


def _rows_of_finding(rows: "pd.DataFrame", number: int) -> "pd.DataFrame":
    from finsent.data.checks import find_issues, finding_rows

    found = find_issues(rows)
    if not 1 <= number <= len(found):
        raise UsageError(
            f"There is no finding {number}; these data have {len(found)}. List them with: python -m finsent data"
        )
    return finding_rows(rows, found[number - 1])


def _open_row(rows: "pd.DataFrame", row_id: str, model: str) -> Printed:
    """Return one row as the model meets it."""
    from finsent.inference.token_view import load_tokenizer, token_table

    found = rows[rows["row_id"] == row_id]
    if found.empty:
        raise UsageError(f"There is no row “{row_id}”. List their ids with: python -m finsent rows")
    row = found.iloc[0]
    tokens = token_table(load_tokenizer(model), rows, row_id)
    answer = completion(row["label"])
    value = {
        **{name: row[name] for name in ("row_id", "label", "text", "split", "source", "topic", "answers", "prompt")},
        "completion": answer,
        "tokens": records(tokens),
    }
    counted = f"{len(tokens)} tokens; the loss counts {tokens['answer_loss'].sum()} of them on the answer alone"
    parts = [f"Row {row_id}, {row['split']} split", row["prompt"] + answer, counted, table_text(tokens, rows=None)]
    return Printed(value, "\n\n".join(parts))


def _card(data: "SentimentData") -> Printed:
    from finsent.data.dataset import data_card

    card = data_card(data)
    return Printed({"source": data.source, "title": data.title, "card": card}, card)
