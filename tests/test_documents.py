"""Every command that README.md and docs/ give is carried out; those that take minutes with ``pytest --long``."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from finsent.cli.main import build_parser, main
from finsent.inference.predictions import load_predictions
from finsent.recipe import Recipe, change_recipe
from finsent.runs import worker
from finsent.runs.origin import Origin
from finsent.runs.store import RunState, create_run, load_run, update_run

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What is no command of finsent's, by how it begins, with where it is carried out instead.
ELSEWHERE = {
    "python3 -m venv": "the continuous integration, which runs the line that sets up and tests",
    "python -m pytest -m security": "continuous integration, which runs these tests among all",
    "export PET_": "tests/test_distributed.py, where two torchruns meet",
    "PET_NODE_RANK=": "tests/test_distributed.py, where two torchruns meet",
}


def commands() -> list[str]:
    found: list[str] = []
    for document in DOCUMENTS:
        for block in re.findall(r"^```bash\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            found += [line for line in block.splitlines() if line.strip() and line not in found]
    return found


def is_long(command: str) -> bool:
    """Whether the comment behind a command says that it takes minutes."""
    return "minutes" in command.partition("#")[2]


def _parameter(command: str) -> object:
    return pytest.param(command, id=command.partition("#")[0].strip(), marks=[pytest.mark.long] * is_long(command))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Recipe) -> Path:
    """A folder with a run of the embedded headlines by the tiny model, made once and then copied."""
    folder = tmp_path_factory.mktemp("documented") / "runs"
    recipe = change_recipe(tiny_recipe, {"source": "embedded", "validation_rows": 40, "test_rows": 40})
    run = create_run(recipe, folder, name="documented")
    assert worker.main(run.folder) == 0
    return folder


@pytest.fixture
def workplace(finished: Path, small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a copy of the finished run, and the files that the commands name."""
    shutil.copytree(finished, tmp_path / "runs")
    (tmp_path / "scores.csv").write_text("text,score\n" + "".join(f"Sales {n},{n / 10 - 1}\n" for n in range(20)))
    for name in ("my_news.csv", "FILE.csv"):
        shutil.copy(small_csv, tmp_path / name)
    monkeypatch.setenv("FINSENT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_ready(command: str, runs: Path, recipe: Recipe) -> None:
    """Do what a command takes as done: a run that waits, one that was stopped, answers that the models wrote."""
    if command == "stop":
        create_run(recipe, runs, name="waiting")
    if command == "written":
        assert main(["evaluate", "latest", "--generate"]) == 0
    if command in ("verify", "disagree"):
        parent = next(runs.glob("2*")).name
        copy_newest(runs)
        update_run(next(runs.glob("20990101*")), origin=Origin(parent=parent))
    if command == "train --from":
        assert main(["repair", "latest", "--csv", "repair.csv"]) == 0
        assert main(["corrections", "latest", "--csv", "corrections.csv"]) == 0
    if command == "resume":
        run = create_run(recipe, runs, name="stopped")
        update_run(run.folder, state=RunState.PREPARING)
        update_run(run.folder, state=RunState.STOPPED)
    if command == "average":
        copy_newest(runs)


def copy_newest(runs: Path) -> None:
    """Put a copy of the finished run beside it, as a newer one, for what takes two."""
    folder = next(runs.glob("2*"))
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    copy = runs / f"20990101-000000-{folder.name[-6:]}"
    shutil.copytree(folder, copy)
    newer = {"id": copy.name, "name": "newer", "created": "2099-01-01T00:00:00Z"}
    (copy / "run.json").write_text(json.dumps(record | newer), encoding="utf-8")


def filled_in(words: list[str], runs: Path) -> list[str]:
    """Put what is there in the place of what a document leaves to its reader."""
    run = load_run(runs, next(runs.glob("2*")).name)
    table = load_predictions(run.predictions_file("baseline"))
    wrong = table[(table["label"] == "neutral") & (table["predicted"] != "neutral") & (table["split"] == "test")]
    stand_ins = {
        "RUN": "latest",
        "OTHER": "documented",
        "CHILD": "20990101",
        "FILE": "FILE.csv",
        "ROW": wrong["row_id"].iloc[0],
    }
    stand_ins |= {"FOLDER": str(run.adapter_dir), "MODEL": run.recipe.model}
    return [stand_ins.get(word, word) for word in words]


@pytest.mark.model
@pytest.mark.parametrize("command", [_parameter(one) for one in commands() if one.startswith("python -m finsent")])
def test_a_command_of_the_documents_does_what_it_says(
    command, workplace, tiny_recipe, real_worker, capsys, monkeypatch, request
):
    # The command password asks its reader at a terminal.
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda question: "a password of the tests")
    words = filled_in(shlex.split(command, comments=True)[3:], workplace / "runs")
    if words[0] == "model":
        request.getfixturevalue("local_hub")
    make_ready(" ".join(words[:2]) if "--from" in words else words[0], workplace / "runs", tiny_recipe)
    assert main(words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip()


def test_every_other_command_is_carried_out_somewhere_else():
    others = [command for command in commands() if not command.startswith("python -m finsent")]
    assert not [command for command in others if not command.startswith(tuple(ELSEWHERE))]


def test_every_command_of_the_command_line_has_an_example():
    names = next(action.choices for action in build_parser()._actions if action.choices)
    documents = " ".join(commands())
    assert not [name for name in names if f"python -m finsent {name}" not in documents]


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 130
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!http)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
