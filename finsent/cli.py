"""The command line: everything that the app does, for people and for machines.

Each command prints text, or with ``--json`` one JSON value as the last line of standard output. Exit code 0 is
success, 1 a run that failed, 2 a user's mistake in one clear line on standard error.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finsent.errors import FinsentError, RecipeError
from finsent.labels import NEWS_ANSWERS, POST_ANSWERS
from finsent.models import EMBEDDED, MODELS
from finsent.recipes import RECIPES, Recipe, change_recipe, get_recipe
from finsent.runs import Run, RunState, default_runs_dir, delete_run, list_runs, load_run

Printed = tuple[Any, str]


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and return the exit code."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    options = build_parser().parse_args(arguments)
    try:
        value, text = options.command(options)
    except FinsentError as error:
        print(f"finsent: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps(value, ensure_ascii=False) if options.json else text)
    return 1 if isinstance(value, dict) and value.get("state") in {RunState.FAILED, RunState.LOST} else 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m finsent", description="QLoRA fine-tuning for financial sentiment.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = _command(commands, "data", show_data, "rows, labels, splits and findings of a data set")
    data.add_argument("--source", default=EMBEDDED, help="embedded, hub, or a file or folder")

    summary = _command(commands, "summary", show_summary, "parameters before and after LoRA, and the memory account")
    summary.add_argument("--model", default=EMBEDDED, help=f"{', '.join(MODELS)}, or a folder")
    summary.add_argument("--rank", type=int, default=8, help="LoRA rank (default 8)")

    train = _command(commands, "train", train_run, "fine-tune, in the foreground, and print the run folder")
    train.add_argument("--recipe", default="quick", help=f"one of {', '.join(RECIPES)} (default quick)")
    train.add_argument("--source", help="embedded, hub, or a file or folder (default: the recipe's)")
    train.add_argument("--model", help=f"{', '.join(MODELS)}, or a folder (default: the recipe's)")
    train.add_argument("--rows", type=int, help="training rows to draw (the test split stays the same)")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    train.add_argument("--name", default="", help="a name for the run")
    _runs_dir(train)

    judge = _command(commands, "evaluate", evaluate, "baseline and fine-tuned model on labelled rows")
    judge.add_argument("run", metavar="RUN")
    judge.add_argument("--data", help="a source name or a labelled file; default: the run's own test split")
    judge.add_argument("--generate", action="store_true", help="let the models write their answers, too")
    _runs_dir(judge)

    label = _command(commands, "classify", classify, "label texts, baseline beside fine-tuned")
    label.add_argument("texts", nargs="*", metavar="TEXT")
    label.add_argument("--run", help="whose adapter; default: the newest run that has one")
    label.add_argument("--file", type=Path, help="a CSV file with a column “text”")
    label.add_argument("--posts", action="store_true", help="market posts: bearish, neutral or bullish")
    _runs_dir(label)

    tried = _command(commands, "search", show_search, "try the settings behind the recipe best, on validation rows")
    tried.add_argument("--model", default=EMBEDDED, help=f"{', '.join(MODELS)}, or a folder")
    tried.add_argument("--source", default=EMBEDDED, help="embedded, hub, or a file or folder")
    tried.add_argument("--rows", type=int, help="training rows to draw (default: all)")

    bench = _command(commands, "bench", show_bench, "speed and memory beside plain TRL and beside generation")
    bench.add_argument("--model", default=EMBEDDED, help=f"{', '.join(MODELS)}, or a folder")
    bench.add_argument("--source", default=EMBEDDED, help="embedded, hub, or a file or folder")
    bench.add_argument("--only", choices=["compare"], help="compare: the time of a comparison of 44,209 rows alone")
    bench.add_argument("--quick", action="store_true", help="two pairs of few rows: shows that it works, no more")

    _runs_dir(_command(commands, "runs", show_runs, "all runs, newest first"))
    for name, action, text in (
        ("resume", resume_run, "take a run up again from its last checkpoint"),
        ("stop", stop_run, "ask a run to stop; what it learned so far is kept"),
        ("delete", remove_run, "delete a run folder"),
    ):
        command = _command(commands, name, action, text)
        command.add_argument("run", metavar="RUN")
        _runs_dir(command)
    return parser


def show_data(options: argparse.Namespace) -> Printed:
    """Rows, labels and splits of a source."""
    from finsent.datasets import describe, load_data

    facts = describe(load_data(options.source))
    lines = [f"{facts['title']}: {facts['rows']:,} sentiment rows"]
    lines += [f"  {label:<10}{count:>8,}" for label, count in facts["labels"].items()]
    lines += ["splits: " + ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items())]
    lines += [f"finding: {finding['title']} ({finding['n']:,})" for finding in facts.get("findings", [])]
    return facts, "\n".join(lines)


def show_summary(options: argparse.Namespace) -> Printed:
    """Both torchinfo tables of a model, and the memory of a training step."""
    from finsent.memory import TYPICAL_ROW, TYPICAL_SHARED, memory_account
    from finsent.skeleton import read_configuration
    from finsent.summary import summarise

    recipe = change_recipe(get_recipe("quick"), {"lora_rank": options.rank})
    summary = summarise(options.model, rank=options.rank)
    account = memory_account(read_configuration(options.model), recipe, TYPICAL_ROW, TYPICAL_SHARED)
    lines = [
        summary.before.text,
        f"\nAfter adding LoRA (rank {options.rank})\n{summary.after.text}",
        f"\nMemory of a training step, batch of {account.rows}, {account.dtype}",
        *(f"  {piece.name:<22}{piece.bytes / 1e6:>9,.1f} MB  {piece.how}" for piece in account.pieces),
        f"  {'Total':<22}{account.total / 1e6:>9,.1f} MB",
    ]
    return summary.as_json() | {"memory": account.as_json()}, "\n".join(lines)


def train_run(options: argparse.Namespace) -> Printed:
    """Launch a run and follow it to its end."""
    from finsent.launcher import launch

    return _see_through(launch(chosen_recipe(options), options.runs_dir, options.name))


def resume_run(options: argparse.Namespace) -> Printed:
    """Take a run up again and follow it to its end."""
    from finsent.launcher import resume

    return _see_through(resume(load_run(options.runs_dir, options.run)))


def _see_through(run: Run) -> Printed:
    """Follow a run to its end; an interrupt from the keyboard stops it and keeps what it learned."""
    from finsent.launcher import stop

    print(f"Run folder: {run.folder}", file=sys.stderr)
    try:
        run = _watch(run)
    except KeyboardInterrupt:
        print("\nStopping; what was learned so far is kept.", file=sys.stderr)
        stop(run)
        run = _watch(run)
    value = {
        "run": run.id,
        "state": run.state,
        "steps": run.steps,
        "seconds": round(run.seconds or 0, 1),
        "folder": str(run.folder),
        "error": run.error,
    }
    return value, f"{run.state}: {run.folder}" + (f"\n{run.error}" if run.error else "")


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """Return the recipe that the options describe.

    Raises:
        RecipeError: an unknown recipe or setting, a value out of range, or ``--set`` without ``=``.
    """
    changes: dict[str, Any] = {}
    for pair in options.set:
        key, found, value = pair.partition("=")
        if not found:
            raise RecipeError(f"--set needs KEY=VALUE, not “{pair}”.")
        changes[key.strip()] = value.strip()
    shorthand = {"source": options.source, "model": options.model, "rows": options.rows}
    changes |= {key: value for key, value in shorthand.items() if value is not None}
    return change_recipe(get_recipe(options.recipe), changes)


def evaluate(options: argparse.Namespace) -> Printed:
    """Compare baseline and fine-tuned model."""
    from finsent.evaluation import evaluate_run

    run = load_run(options.runs_dir, options.run)
    figures = evaluate_run(run, options.data, _counter("rows"), options.generate)
    lines = [f"{figures['n']} rows", f"{'':<22}{'baseline':>10}{'tuned':>10}"]
    for key in ("accuracy", "macro_f1", "weighted_f1", "neutral_as_positive"):
        values = [figures[which][key] for which in ("baseline", "tuned")]
        shown = ["–" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"{key:<22}{shown[0]:>10}{shown[1]:>10}")
    if options.generate:
        counts = ", ".join(f"{model} {figures[model]['invalid']}" for model in ("baseline", "tuned"))
        lines.append(f"from written answers; no label in them: {counts}")
    low, high = figures["accuracy_difference"]["ci"]
    lines.append(
        f"accuracy difference {figures['accuracy_difference']['value']:+.3f} (95 %: {low:+.3f} to {high:+.3f})"
    )
    return {"run": run.id} | figures, "\n".join(lines)


def classify(options: argparse.Namespace) -> Printed:
    """Label texts."""
    from finsent.classify import Classifier, newest_adapter, read_texts, text_rows

    texts = [*options.texts, *(read_texts(options.file, str(options.file)) if options.file else [])]
    answers = POST_ANSWERS if options.posts else NEWS_ANSWERS
    text_rows(texts, answers)
    run = load_run(options.runs_dir, options.run) if options.run else newest_adapter(options.runs_dir)
    classifier = Classifier.of_run(run) if run else Classifier(EMBEDDED)
    results = classifier.classify(texts, answers)
    lines = [f"fine-tuned model: run {run.id}" if run else "no run yet: baseline only"]
    for result in results:
        lines.append(result.text)
        for name, answer in (("baseline", result.baseline), ("tuned", result.tuned)):
            if answer is not None:
                shares = "  ".join(f"{label} {share:.2f}" for label, share in answer.probabilities.items())
                lines.append(f"  {name:<9}{answer.label:<10}{shares}")
    return [result.as_json() for result in results], "\n".join(lines)


def show_bench(options: argparse.Namespace) -> Printed:
    """Measure speed and memory."""
    from finsent.bench import bench_table, run_bench
    from finsent.bench_compare import bench_compare

    if options.only:
        value = {"compare": bench_compare()}
        return value, json.dumps(value, indent=2)
    size = {"pairs": 2, "rows": 16} if options.quick else {"pairs": 5, "rows": 32}
    figures = run_bench(options.model, options.source, **size)
    return figures, bench_table(figures)


def show_search(options: argparse.Namespace) -> Printed:
    """Try candidates on the validation split."""
    from finsent.search import search

    found = search(
        options.model, options.source, options.rows, report=lambda name: print(f"Trying: {name}", file=sys.stderr)
    )
    return found.to_dict("records"), found.to_string(index=False, float_format="{:.4f}".format)


def show_runs(options: argparse.Namespace) -> Printed:
    """List runs."""
    runs = list_runs(options.runs_dir)
    value = [
        {"run": run.id, "name": run.name, "state": run.state, "recipe": run.recipe.name, "steps": run.steps}
        | {"seconds": run.seconds, "source": run.recipe.source, "model": run.recipe.model, "error": run.error}
        for run in runs
    ]
    lines = [f"{run.id}  {run.state:<11}{run.recipe.name:<10}{run.steps:>6} steps  {run.name}" for run in runs]
    return value, "\n".join(lines) or f"No runs in {options.runs_dir}."


def stop_run(options: argparse.Namespace) -> Printed:
    """Stop a run."""
    from finsent.launcher import stop

    run = load_run(options.runs_dir, options.run)
    stop(run)
    words = "was taken out of the queue" if run.waiting else "will stop after its present step or batch"
    return {"run": run.id, "stopping": True}, f"Run {run.id} {words}."


def remove_run(options: argparse.Namespace) -> Printed:
    """Delete a run."""
    delete_run(options.runs_dir, options.run)
    return {"run": options.run, "deleted": True}, f"Deleted run {options.run}."


def _command(
    commands: Any, name: str, action: Callable[[argparse.Namespace], Printed], text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.add_argument("--json", action="store_true", help="print JSON as the last line")
    command.set_defaults(command=action)
    return command


def _runs_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument("--runs-dir", type=Path, default=default_runs_dir(), help="folder of runs")


def _watch(run: Run) -> Run:
    """Follow a run with one progress bar per state and return it as it ended."""
    from tqdm import tqdm

    from finsent.launcher import follow

    bar: tqdm | None = None
    for now in follow(run):
        run = now
        if bar is not None and bar.desc != str(run.state):
            bar.close()
            bar = None
        if run.active and run.progress is not None:
            bar = bar or tqdm(desc=str(run.state), total=run.progress.total, unit=f" {run.progress.unit}")
            bar.update(run.progress.done - bar.n)
    if bar is not None:
        bar.close()
    return run


def _counter(unit: str) -> Callable[[int, int], None]:
    """Return a report of progress; nothing is shown before the first one."""
    from tqdm import tqdm

    bar: tqdm | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None or done < bar.n:
            bar = tqdm(total=total, unit=f" {unit}")
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return report
