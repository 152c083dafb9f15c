"""A quick run of the embedded model in each form that is exported, used in an environment that has no finsent."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from finsent.evaluation.classifier import Classifier
from finsent.recipe import change_recipe, get_recipe
from finsent.report.export import FORMS, export_run
from finsent.runs.store import create_run, load_run
from finsent.runs.worker import main as work
from tests.report.test_export import TEXT, WITHOUT_FINSENT

pytestmark = [pytest.mark.long, pytest.mark.model]
#: A quick run on few rows.
FEW = {"rows": 160, "validation_rows": 16, "test_rows": 40, "evaluations_per_epoch": 1, "compute_dtype": "float32"}
_EXECUTE = """
import nbformat, nbclient
notebook = nbformat.read("repeat_run.ipynb", as_version=4)
notebook.cells.insert(0, nbformat.v4.new_code_cell("import importlib.util as u; assert u.find_spec('finsent') is None"))
nbclient.NotebookClient(notebook, timeout=1800).execute()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished quick run of the embedded model on few rows."""
    run = create_run(change_recipe(get_recipe("quick"), FEW), tmp_path_factory.mktemp("runs"), "few rows")
    assert work(run.folder) == 0
    return load_run(run.folder.parent, run.id)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Python of an environment of its own, which has the libraries of this one and no finsent."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    place = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (place / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def alone(python, folder, *arguments) -> str:
    """Run that Python in a folder, with nothing of this project in reach; return what it prints."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-I", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1800, env=bare)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_forms_of_a_quick_run_work_where_finsent_is_not(run, python, tmp_path):
    exported = {form: export_run(run, form, tmp_path / form) for form in FORMS}
    alone(python, tmp_path, "-c", WITHOUT_FINSENT)
    (own,) = Classifier.of_run(run).classify([TEXT])

    found = json.loads(alone(python, exported["adapter"], "predict.py", TEXT))
    assert found["label"] == own.tuned.label
    assert found["probabilities"] == pytest.approx(own.tuned.probabilities, abs=1e-3)

    (lines,) = re.findall(r"```python\n(.*?)```", (exported["merged"] / "README.md").read_text(), flags=re.DOTALL)
    assert "'label': " in alone(python, exported["merged"], "-c", WITHOUT_FINSENT + lines)

    # The base model was made above, beside the adapter.
    shutil.move(exported["adapter"] / "base", exported["notebook"] / "base")
    alone(python, exported["notebook"], "-c", _EXECUTE)
    beside = {row["figure"]: row for row in json.loads((exported["notebook"] / "beside.json").read_text())}
    assert beside["accuracy"]["within"], beside

    assert ModelCard.load(exported["model-card"] / "README.md").data.base_model
