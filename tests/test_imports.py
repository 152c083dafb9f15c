"""Imports stand at the top of a module; inside a function only what is slow to import, and not there already."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What takes so long to import that whoever does not need it should not wait for it (0.1 s and more).
SLOW = {
    "accelerate",
    "bitsandbytes",
    "cleanlab",
    "datasets",
    "gguf",
    "google",
    "pandas",
    "peft",
    "plotly",
    "pyarrow",
    "safetensors",
    "scipy",
    "sklearn",
    "statsmodels",
    "tensorboard",
    "torch",
    "torchinfo",
    "transformers",
    "trl",
}
#: Not there on every system.
ONLY_POSIX = {"resource"}
OWN = ("finsent", "pages")
Imported = ast.Import | ast.ImportFrom


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported may be a module of a package or something that a module defines.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if name in MODULES else node.module) for name in names)


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported; what only a type checker reads does not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _outside_functions(node)


def _inside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, Imported))


FILES = [ROOT / "streamlit_app.py", *sorted(file for own in OWN for file in (ROOT / own).rglob("*.py"))]
MODULES = {_name(file): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


@cache
def imported_with(module: str) -> frozenset[str]:
    """Return the modules of the project, this one among them, that are imported when a module is."""
    found, waiting = {module}, [module]
    while waiting:
        names = {name for _, name in _imports(_outside_functions(MODULES[waiting.pop()]))}
        new = {name for name in names if name in MODULES} - found
        found |= new
        waiting += new
    return frozenset(found)


@cache
def slow_imports(module: str) -> frozenset[str]:
    """Return the slow libraries that importing a module imports."""
    if module not in MODULES:
        return frozenset({module.partition(".")[0]} & SLOW)
    direct = {name for own in imported_with(module) for _, name in _imports(_outside_functions(MODULES[own]))}
    return frozenset({name.partition(".")[0] for name in direct} & SLOW)


@pytest.mark.parametrize("module", MODULES)
def test_a_function_imports_only_what_is_slow_and_not_there_already(module):
    there = slow_imports(module)
    needless = {
        f"line {line}: {name}"
        for line, name in _imports(_inside_functions(MODULES[module]))
        if not slow_imports(name) - there and name not in ONLY_POSIX
    }
    assert not needless, f"{module} could import at its top: {sorted(needless)}"


def test_the_check_sees_an_import_that_need_not_wait():
    tree = ast.parse("import json\ndef read():\n    import json\n    import torch\n")
    assert [name for _, name in _imports(_inside_functions(tree))] == ["json", "torch"]
    assert [name for _, name in _imports(_outside_functions(tree))] == ["json"]
