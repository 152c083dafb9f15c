"""Commands about neutral texts: ``neutral``, ``words``, ``annotate``, ``annotations`` and ``repair``."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from finsent.cli.arguments import Commands, Printed, add_command, add_output, add_run, known
from finsent.cli.meant import answers_anew, meant_run
from finsent.cli.output import records, table_text, write_table
from finsent.cli.progress import counter
from finsent.errors import UsageError
from finsent.evaluation.edits import RULES, rule_named
from finsent.labels import FIVE_LABELS, INVALID, NEUTRAL
from finsent.metrics.figures_json import to_json
from finsent.runs.find import find_run
from finsent.runs.store import Run

if TYPE_CHECKING:
    import pandas as pd

MODELS = {"baseline": "baseline", "tuned": "fine-tuned model"}
_SPLITS = ("test", "validation")
_SHOWN = ["row_id", "outcome", "baseline", "baseline confidence", "tuned", "tuned confidence", "text"]
_SIMILAR = 6
_REPAIR_COLUMNS = ["text", "label", "family", "row_id", "dataset"]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    errors = add_command(commands, "neutral", show_neutral)
    view = errors.add_mutually_exclusive_group()
    view.add_argument("--item", metavar="ROW", help="open one text: probabilities and similar training texts")
    view.add_argument("--by", choices=["topic", "source"], help="error rates in groups instead")
    add_output(errors, "--csv", "write the texts as CSV")
    _add_filters(errors)
    words = add_command(commands, "words", show_words)
    words.add_argument("--model", choices=list(MODELS), default="baseline", help="whose answers (default baseline)")
    words.add_argument("--split", choices=_SPLITS, default="test", help="which texts (default test)")
    add_run(words, optional=True)
    note = add_command(commands, "annotate", annotate_text)
    note.add_argument("--tag", action="append", help="a tag; may be given several times")
    note.add_argument("--note", help="a note")
    note.add_argument("--remove", action="store_true", help="take its tags and its note away")
    add_run(note)
    note.add_argument("row", metavar="ROW", help="the row id that neutral lists")
    add_run(add_command(commands, "annotations", show_annotations), optional=True)
    repair = add_command(commands, "repair", make_repair_set)
    repair.add_argument("--per-error", type=int, default=3, help="similar texts for each listed one (default 3)")
    repair.add_argument("--validation", action="store_true", help="validation texts, too")
    repair.add_argument("--other-labels", action="store_true", help="texts of other labels than neutral, too")
    repair.add_argument("--corrections", action="store_true", help="with the labels that correct has saved")
    repair.add_argument(
        "--rule", metavar="NAME", help="for the validation texts on which the fine-tuned model fails a rule of behave"
    )
    add_output(repair, "--csv", "write the rows as CSV, which train --repair reads")
    _add_filters(repair)
    # What test rows show must not choose what is trained on.
    repair.set_defaults(split="validation")


def show_neutral(options: argparse.Namespace) -> Printed:
    """The neutral texts that a run's models get wrong, filtered, grouped, or one of them opened.

    Example: ``python -m finsent neutral latest --called positive --search visitor --csv wrong.csv``
    """
    from finsent.evaluation.neutral_errors import error_summary, group_errors, neutral_errors, run_items

    run = meant_run(options)
    items = run_items(run, options.split)
    if options.item is not None:
        return _open_item(run, items, options.item)
    if options.by:
        groups = group_errors(items, options.by)
        return Printed(records(groups), table_text(groups, rows=None))
    summary, errors = error_summary(items), neutral_errors(items)
    chosen = _chosen(run, errors, options)
    if options.csv is not None:
        write_table(options.csv, chosen)
    lines = [f"{summary.n:,} neutral {options.split} texts"]
    for model, title in MODELS.items():
        errors_of = summary.models[model]
        share = f" ({errors_of.wrong_share:.1%}, 95 %: {_range(errors_of.wrong_ci)})" if errors_of.wrong_ci else ""
        lines.append(f"the {title} gets {errors_of.wrong:,} wrong{share} and calls {errors_of.positive:,} positive")
    lines.append(f"{len(chosen):,} of {len(errors):,} that either gets wrong:\n{table_text(chosen[_SHOWN])}")
    value = {"run": run.id, "split": options.split, "summary": to_json(summary), "errors": len(errors)}
    return Printed(value | {"items": records(chosen)}, "\n".join(lines))


def show_words(options: argparse.Namespace) -> Printed:
    """The words that go with a neutral text being called positive, by two measures.

    Example: ``python -m finsent words latest --model tuned``
    """
    from finsent.evaluation.neutral_errors import run_items
    from finsent.evaluation.neutral_words import word_contrast, word_push

    run = meant_run(options)
    items = run_items(run, options.split)
    contrast, push = word_contrast(items, options.model), word_push(items, options.model)
    value = {"run": run.id, "model": options.model, "split": options.split, "n": len(items)}
    text = (
        f"{len(items):,} neutral {options.split} texts. Words of those that the {MODELS[options.model]} calls positive "
        f"(log-odds with 95 % interval)\n{table_text(contrast)}\n\n"
        f"Words that go with a higher score for positive (nats, with 95 % interval)\n{table_text(push)}"
    )
    return Printed(value | {"contrast": records(contrast), "push": records(push)}, text)


def annotate_text(options: argparse.Namespace) -> Printed:
    """Give a neutral text of a run tags and a note, in place of those that it had.

    Example: ``python -m finsent annotate latest ROW --tag "needs context" --note "which quarter?"``
    """
    from finsent.evaluation.neutral_errors import run_items
    from finsent.runs.annotations import annotate, read_annotations

    run = find_run(options.runs_dir, options.run)
    if options.remove == (options.tag is not None or options.note is not None):
        raise UsageError("Give --tag or --note or both, or else --remove.")
    if not any(options.row in set(run_items(run, split)["row_id"]) for split in _SPLITS):
        raise UsageError(f"Run {run.id} has no neutral text “{options.row}”. List them: python -m finsent neutral")
    annotate(run, options.row, options.tag or [], options.note or "")
    own = read_annotations(run).get(options.row)
    value = {"run": run.id, "row": options.row, "tags": own.tags if own else [], "note": own.note if own else ""}
    return Printed(value, f"Row {options.row}: {'; '.join(value['tags']) or 'no tags'}; {value['note'] or 'no note'}")


def show_annotations(options: argparse.Namespace) -> Printed:
    """The tags and notes that a run's texts were given.

    Example: ``python -m finsent annotations latest --json``
    """
    from finsent.runs.annotations import read_annotations

    found = read_annotations(meant_run(options))
    value = [{"row": row} | one.model_dump(mode="json") for row, one in found.items()]
    lines = [f"{row}: {'; '.join(one.tags)}{' – ' if one.note else ''}{one.note}" for row, one in found.items()]
    return Printed(value, "\n".join(lines) or "No text has tags or a note.")


def make_repair_set(options: argparse.Namespace) -> Printed:
    """Training texts like the neutral ones that a run's models get wrong, to check or to train on again.

    Test texts never go in. Without filters it is made for every validation text that either model gets wrong. With
    --rule it is made for those that fail a rule, a minute or more: training texts that the rule applies to, and each
    edited by the rule, which is called synthetic.
    Example: ``python -m finsent repair latest --called positive --other-labels --csv repair.csv``
    """
    from finsent.data.corrections import CHANGE
    from finsent.data.learnable import one_label
    from finsent.evaluation.neutral_errors import neutral_errors, run_items
    from finsent.evaluation.repair import CHOSEN_BY_TEST, MOST_ERRORS, repair_pool, repair_set
    from finsent.runs.corrections import saved_corrections
    from finsent.runs.rows import prepare_again

    if options.per_error < 1:
        raise UsageError(f"--per-error must be 1 or more, not {options.per_error}.")
    if options.rule is not None:
        return _rule_repair_set(options)
    run = meant_run(options)
    errors = _chosen(run, neutral_errors(run_items(run, options.split)), options)
    labels = None if options.other_labels else (NEUTRAL,)
    decided = saved_corrections(options.runs_dir, prepare_again(run)).rows if options.corrections else {}
    pool = repair_pool(run, options.validation, decided)
    changed = [row for row, one in decided.items() if one.decision == CHANGE]
    rows = repair_set(errors.head(MOST_ERRORS), pool, options.per_error, labels, changed)
    if options.csv is not None:
        write_table(options.csv, rows[_REPAIR_COLUMNS])
    if warning := one_label(rows["label"]):
        print(f"Before you train on it: {warning.sentence}", file=sys.stderr)
    counts = ", ".join(f"{count:,} {label}" for label, count in rows["label"].value_counts().items())
    cut = f" (the first of {len(errors):,})" if len(errors) > MOST_ERRORS else ""
    caution = f"\n{CHOSEN_BY_TEST}" if options.split == "test" else ""
    head = f"{len(rows):,} texts ({counts}) like {min(len(errors), MOST_ERRORS):,} that are wrong{cut}{caution}"
    return Printed(records(rows), f"{head}\n{table_text(rows[['row_id', 'split', 'label', 'similarity', 'text']])}")


def _rule_repair_set(options: argparse.Namespace) -> Printed:
    from finsent.evaluation.behaviour import run_behaviour
    from finsent.evaluation.repair import SYNTHETIC, repair_pool, run_rule_repair_set
    from finsent.runs.corrections import saved_corrections
    from finsent.runs.rows import prepare_again

    known([options.rule], [rule.name for rule in RULES], "rule")
    rule = rule_named(options.rule)
    assert rule is not None, "known() has refused every other name"
    if options.split != "validation" or _filtered(options):
        raise UsageError("--rule takes the validation texts that fail it. Leave the filters of texts out.")
    run = meant_run(options, answers_anew)
    outcomes = run_behaviour(run, "validation", counter("answers"))
    decided = saved_corrections(options.runs_dir, prepare_again(run)).rows if options.corrections else {}
    pool = repair_pool(run, options.validation, decided)
    rows = run_rule_repair_set(run, outcomes, rule, pool, options.per_error)
    if options.csv is not None:
        write_table(options.csv, rows[_REPAIR_COLUMNS])
    synthetic = int(rows["dataset"].str.startswith(SYNTHETIC).sum())
    head = f"{len(rows):,} texts, {synthetic:,} of them synthetic: edited by the rule “{rule.name}”"
    return Printed(records(rows), f"{head}\n{table_text(rows[['row_id', 'dataset', 'label', 'similarity', 'text']])}")


def _filtered(options: argparse.Namespace) -> bool:
    several = (options.outcome, options.called, options.topic, options.source_kept, options.tag, options.search)
    return any(several) or tuple(options.sure) != (0.0, 1.0)


def _add_filters(command: argparse.ArgumentParser) -> None:
    """Add RUN and the options of :func:`_chosen`; those with several values may be given several times."""
    several: dict[str, Any] = {"action": "append", "default": []}
    wrong = [label for label in (*FIVE_LABELS, INVALID) if label != NEUTRAL]
    command.add_argument("--split", choices=_SPLITS, default="test", help="which texts (default test)")
    command.add_argument("--outcome", **several, help="what fine-tuning made of them, as the list names it")
    command.add_argument("--called", **several, choices=wrong, help="a wrong answer that either model gives")
    command.add_argument("--sure", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"), help="0 to 1")
    command.add_argument("--topic", **several, help="a topic to keep")
    command.add_argument("--from", **several, dest="source_kept", help="a source to keep")
    command.add_argument("--tag", **several, help="a tag that they have been given")
    command.add_argument("--search", default="", metavar="TEXT", help="any part of a text")
    add_run(command, optional=True)


def _chosen(run: Run, errors: "pd.DataFrame", options: argparse.Namespace) -> "pd.DataFrame":
    """Return the errors that pass the filters, with their tags and notes."""
    from finsent.evaluation.neutral_errors import OUTCOMES, ItemFilter, filter_items
    from finsent.runs.annotations import read_annotations, tagged_rows, with_annotations

    low, high = options.sure
    if not 0 <= low <= high <= 1:
        raise UsageError(f"--sure takes two shares from 0 to 1, the lower one first, not {low:g} {high:g}.")
    annotations = read_annotations(run)
    known(options.outcome, OUTCOMES, "outcome")
    known(options.topic, sorted(set(errors["topic"]) - {""}), "topic")
    known(options.source_kept, sorted(set(errors["source"]) - {""}), "source")
    known(options.tag, sorted({tag for one in annotations.values() for tag in one.tags}), "tag")
    row_ids = tagged_rows(annotations, options.tag) if options.tag else None
    wanted = ItemFilter(
        options.outcome, options.called, (low, high), options.topic, options.source_kept, row_ids, options.search
    )
    return with_annotations(filter_items(errors, wanted), annotations)


def _open_item(run: Run, items: "pd.DataFrame", row_id: str) -> Printed:
    from finsent.data.neighbours import Neighbours
    from finsent.evaluation.neutral_errors import item_probabilities
    from finsent.runs.annotations import read_annotations
    from finsent.runs.taught import gaps_sentence, known_rows

    found = items[items["row_id"] == row_id]
    if found.empty:
        raise UsageError(f"There is no neutral text “{row_id}” in this split. List them: python -m finsent neutral")
    item = found.iloc[0]
    taught, gaps = known_rows(run)
    similar = Neighbours(taught).of(item["text"], _SIMILAR)
    own = read_annotations(run).get(row_id)
    shares = {model: item_probabilities(item, model) for model in MODELS}
    value = {name: item[name] for name in ("row_id", "text", "gold", "baseline", "tuned", "outcome", "topic", "source")}
    value |= {"probabilities": shares, "similar_training_texts": records(similar)}
    value |= {"unknown_training": list(gaps)}
    value |= {"tags": own.tags if own else [], "note": own.note if own else ""}
    lines = [item["text"], f"{item['outcome']}; gold {item['gold']}"]
    for model, title in MODELS.items():
        said = "  ".join(f"{label} {share:.2f}" for label, share in shares[model].items())
        lines.append(f"  {title:<18}{item[model]:<10}{said}")
    lines.append(f"Most similar training texts\n{table_text(similar[['label', 'similarity', 'text', 'row_id']])}")
    if gaps:
        lines.append(gaps_sentence(gaps))
    return Printed(value, "\n".join(lines))


def _range(interval: Any) -> str:
    low, high = interval
    return f"{low:.1%} to {high:.1%}"
