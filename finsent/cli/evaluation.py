"""Commands about what a run is worth: ``evaluate``, ``answers``, ``compare`` and ``report``."""

import argparse

from finsent.cli.arguments import Commands, Printed, add_choices, add_command, add_output, add_run, add_runs_dir
from finsent.cli.groups import evaluated_group, group_named, runs_named
from finsent.cli.judged import add_judged, add_rows_and_classes, chosen_set
from finsent.cli.meant import meant_run
from finsent.cli.output import records, table_text, write_file, write_table
from finsent.cli.progress import counter
from finsent.data.choices import choices_of
from finsent.errors import UsageError
from finsent.labels import FIVE_LABELS, INVALID
from finsent.metrics.figures_json import to_json
from finsent.metrics.statistics import show_p
from finsent.runs.find import RUN_HELP


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    judge = add_command(commands, "evaluate", evaluate)
    judge.add_argument("--data", help="a source name or a labelled file; default: the run's own test split")
    judge.add_argument(
        "--rival",
        action="append",
        default=[],
        metavar="PROMPT",
        help="the base model with a better prompt on the same rows, too: few-shot:K, with K examples from the training "
        "rows (few-shot:K:SEED draws others), or prompt:FILE, with another system prompt; may be given several times",
    )
    judge.add_argument("--generate", action="store_true", help="let the models write their answers, too")
    add_choices(judge)
    add_run(judge, optional=True)

    answers = add_command(commands, "answers", show_answers)
    answers.add_argument("--transition", help="what became of a row: fixed, broken, still right, still wrong")
    answers.add_argument("--gold", choices=FIVE_LABELS, help="rows of this gold label")
    answers.add_argument("--answer", choices=[*FIVE_LABELS, INVALID], help="rows that --model gives this label")
    answers.add_argument("--model", choices=["baseline", "tuned"], default="tuned", help="for --answer (default tuned)")
    add_output(answers, "--csv", "write the rows as CSV")
    add_judged(answers)

    compare = add_command(commands, "compare", compare_runs)
    compare.add_argument("runs", nargs="+", metavar="RUN", help=RUN_HELP)
    add_output(compare, "--csv", "write the rows that the runs do not call alike as CSV")
    add_rows_and_classes(compare)
    add_runs_dir(compare)

    report = add_command(commands, "report", save_report)
    add_output(report, "--out", "default: finsent-comparison-RUN.html")
    add_output(report, "--figures", "write every figure as JSON, too")
    add_judged(report)


def evaluate(options: argparse.Namespace) -> Printed:
    """Baseline and fine-tuned model on labelled rows: the verdict and every figure.

    Without --data these are the run's own test split; the rows of a source or a file are scored anew and kept. Of a
    group of seeds (see train --seeds) it is the verdict of the group, with how far the seeds lie apart.
    With --rival the base model is judged with a better prompt, too: could that have done it?
    Example: ``python -m finsent evaluate latest --data headlines.csv``
    """
    from finsent.cli.figures_text import figures_text
    from finsent.evaluation.judge import evaluate_run
    from finsent.evaluation.rivals import judge_rival, read_rival
    from finsent.metrics.wording import verdict_sentences

    if group := group_named(options.runs_dir, options.run):
        return evaluated_group(group, options)
    run = meant_run(options)
    rivals = [read_rival(words) for words in options.rival]
    figures = evaluate_run(run, options.data, counter("rows"), options.generate, choices_of(options))
    lines = [f"{run.title}: {figures.n:,} rows", *verdict_sentences(figures.verdict)]
    if options.generate:
        lines.append("These are the figures of written answers.")
    lines += ["", figures_text(figures, figures.verdict)]
    judged = [judge_rival(run, one, options.data, counter("rows"), choices_of(options)) for one in rivals]
    for one in judged:
        lines += ["", f"Fine-tuned beside {one.title}:", *verdict_sentences(one.verdict)]
    value = {"run": run.id} | to_json(figures) | {"rivals": [to_json(one) for one in judged]}
    return Printed(value, "\n".join(lines))


def show_answers(options: argparse.Namespace) -> Printed:
    """What both models say about each judged row, in whole or for one cell of the confusion matrix.

    Example: ``python -m finsent answers latest --gold neutral --answer positive --model baseline --csv rows.csv``
    """
    from finsent.metrics.comparison import TRANSITIONS, answers_table, cell_rows, transition_rows
    from finsent.runs.evaluated_sets import judged_pair

    if options.transition is not None and options.transition not in TRANSITIONS:
        raise UsageError(f"--transition is one of {', '.join(TRANSITIONS)}, not “{options.transition}”.")
    if options.answer is not None and options.gold is None:
        raise UsageError("--answer takes --gold beside it: the two name a cell of the confusion matrix.")
    run = meant_run(options)
    rows = answers_table(*judged_pair(run, chosen_set(run, options.on)), options.classes)
    total = len(rows)
    if options.answer is not None:
        rows = cell_rows(rows, options.model, options.gold, options.answer)
    elif options.gold is not None:
        rows = rows[rows["gold"] == options.gold]
    if options.transition is not None:
        rows = transition_rows(rows, options.transition)
    if options.csv is not None:
        write_table(options.csv, rows)
    shown = rows[["row_id", "gold", "baseline", "tuned", "transition", "text"]]
    return Printed(records(rows), f"{len(rows):,} of {total:,} rows\n{table_text(shown)}")


def compare_runs(options: argparse.Namespace) -> Printed:
    """Several runs, or all of a group of seeds, on the rows that all were judged on, with the first one's baseline.

    Example: ``python -m finsent compare latest RUN``
    """
    import pandas as pd

    from finsent.evaluation.several_runs import changed_rows, compare_runs, differing_settings, pair_verdict
    from finsent.metrics.wording import points

    found = [run for words in options.runs for run in runs_named(options.runs_dir, words)]
    runs = list({run.id: run for run in found}.values())
    sets = {chosen_set(run, options.on) for run in runs}
    if len(sets) > 1:
        raise UsageError(f"These runs were judged on different rows titled “{options.on}”. Give a key.")
    on = sets.pop()
    result, changed = compare_runs(runs, options.classes, on), changed_rows(runs, options.classes, on)
    if options.csv is not None:
        write_table(options.csv, changed)
    models = pd.DataFrame(
        {"model": name, "accuracy": one.accuracy, "low": one.accuracy_ci[0], "high": one.accuracy_ci[1]}
        | {"macro-F1": one.macro_f1, "neutral called positive": one.neutral_as_positive, "n": one.n}
        for name, one in result.models.items()
    )
    pairs = pd.DataFrame(
        {"first": pair.first, "second": pair.second, "accuracy, second minus first": points(pair.difference)}
        | {
            "only first right": pair.b,
            "only second right": pair.c,
            "p": show_p(pair.p),
            "p (Holm)": show_p(pair.p_holm),
        }
        for pair in result.pairs
    )
    test = f"Cochran's Q = {result.q:.2f}, {show_p(result.p)}, n = {result.n:,} rows that all were judged on"
    settings = differing_settings(runs)
    verdicts = [pair_verdict(pair) for pair in result.pairs if "baseline" not in (pair.first, pair.second)]
    value = {"runs": [run.id for run in runs]} | to_json(result)
    value |= {"settings": records(settings), "verdicts": verdicts, "changed_rows": records(changed)}
    parts = ["Settings that differ:", table_text(settings, None)] if len(settings) else ["The settings are the same."]
    parts += [*(verdicts if len(runs) == 2 else []), table_text(models, None), test, table_text(pairs, None)]
    return Printed(value, "\n\n".join([*parts, f"{len(changed):,} rows that they do not call alike (--csv FILE)."]))


def save_report(options: argparse.Namespace) -> Printed:
    """The comparison of a run as one HTML file that needs nothing else, and its figures as JSON.

    Example: ``python -m finsent report latest --out report.html --figures figures.json``
    """
    from finsent.report.render import evaluation_json, run_report

    run = meant_run(options)
    evaluation, html = run_report(run, options.classes, chosen_set(run, options.on))
    out = f"finsent-comparison-{run.id}.html" if options.out is None else options.out
    value = {"run": run.id, "file": write_file(out, html.encode())}
    if options.figures is not None:
        value["figures"] = write_file(options.figures, evaluation_json(evaluation).encode())
    return Printed(value, "\n".join(value[key] for key in ("file", "figures") if key in value))
