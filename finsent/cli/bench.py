"""The command that measures: ``bench``."""

import argparse

from finsent.bench.parts import PARTS
from finsent.cli.arguments import Commands, Printed, add_command, add_model_and_source


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    bench = add_command(commands, "bench", show_bench)
    add_model_and_source(bench)
    parts = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    bench.add_argument("--only", choices=list(PARTS), help=f"one part alone ({parts})")
    bench.add_argument("--quick", action="store_true", help="two pairs of few rows: shows that it works, no more")


def show_bench(options: argparse.Namespace) -> Printed:
    """Measure speed and memory beside plain TRL and beside generation.

    Example: ``python -m finsent bench --only training --quick``
    """
    from finsent.bench.run import bench_table, run_bench

    size = {"pairs": 2, "rows": 16} if options.quick else {"pairs": 5, "rows": 32}
    figures = run_bench(options.model, options.source, **size, only=options.only)
    return Printed(figures, bench_table(figures))
