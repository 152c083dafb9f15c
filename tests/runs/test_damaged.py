"""Records that are damaged, copied, of other versions or hold what nobody knows: nothing vanishes."""

import json
import re
import shutil

import pytest

from finsent.errors import RunError
from finsent.recipe import get_recipe
from finsent.runs.damage import damaged_files
from finsent.runs.deletion import delete_run
from finsent.runs.evaluated_sets import judged_sets, save_judged
from finsent.runs.history import history_table
from finsent.runs.migrations import MIGRATIONS
from finsent.runs.queue import end_now, resume, stop
from finsent.runs.record import SCHEMA_VERSION
from finsent.runs.store import all_runs, create_run, list_damaged, list_runs, load_run, log_tail, update_run
from tests.predictions import made_pair, made_run


@pytest.fixture
def run(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, "kept")
    run.log_file.write_text("what the worker said\n")
    return update_run(run.folder, state="stopped")


def change(run, **keys):
    """Write keys into a run's record as some other program could."""
    record = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps(record | keys))


def in_recipe(run, **settings):
    change(run, recipe=json.loads((run.folder / "run.json").read_text())["recipe"] | settings)


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
def test_a_key_that_nobody_knows_stays_and_harms_nothing(run, runs_dir, version):
    change(run, mood="good", schema_version=version)
    assert [found.id for found in list_runs(runs_dir)] == [run.id]
    update_run(run.folder, note="seen")
    record = json.loads((run.folder / "run.json").read_text())
    assert (record["mood"], record["note"], record["schema_version"]) == ("good", "seen", SCHEMA_VERSION)


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
def test_a_setting_that_nobody_knows_is_kept_apart_and_ends_a_resume_in_words(run, runs_dir, version):
    in_recipe(run, momentum=0.9)
    change(run, schema_version=version)
    found = load_run(runs_dir, run.id)
    assert (found.recipe, found.removed_settings) == (run.recipe, {"momentum": 0.9})
    with pytest.raises(RunError, match="momentum=0.9"):
        resume(found)


def test_every_older_version_is_brought_up_to_this_one_and_its_file_stays(run, runs_dir):
    assert len(MIGRATIONS) == SCHEMA_VERSION - 1
    record = json.loads((run.folder / "run.json").read_text())
    old = {key: value for key, value in record.items() if key not in ("removed_settings", "baseline_key")}
    old |= {"schema_version": 1, "recipe": record["recipe"] | {"soup": 2, "attention": "causal"}}
    (run.folder / "run.json").write_text(json.dumps(old))
    before = (run.folder / "run.json").read_bytes()
    found = load_run(runs_dir, run.id)
    assert (found.schema_version, found.removed_settings, found.recipe) == (SCHEMA_VERSION, {"soup": 2}, run.recipe)
    assert (run.folder / "run.json").read_bytes() == before


def half(run):
    (run.folder / "run.json").write_text("{ half")


DAMAGE = {
    "half a file": (half, "run.json is damaged"),
    "bytes that are no text": (lambda run: (run.folder / "run.json").write_bytes(b"\xff\xfe"), "run.json is damaged"),
    "a list": (lambda run: (run.folder / "run.json").write_text("[]"), "no record of a run"),
    "nested too deeply": (lambda run: (run.folder / "run.json").write_text("[" * 100_000), "run.json is damaged"),
    "a value out of range": (lambda run: in_recipe(run, epochs=-1), "recipe.epochs"),
    "a state that is none": (lambda run: change(run, state="flying"), "state"),
    "a version that is none": (lambda run: change(run, schema_version="two"), "schema_version"),
    "settings that are none": (lambda run: change(run, removed_settings=3), "removed_settings"),
    "a newer version": (lambda run: change(run, schema_version=99), "written by a newer version of finsent"),
    "no record": (lambda run: (run.folder / "run.json").unlink(), "has no run.json"),
    "a folder for a record": (
        lambda run: ((run.folder / "run.json").unlink(), (run.folder / "run.json").mkdir()),
        "has no run.json|cannot be read",
    ),
}


@pytest.mark.security(
    "A run's record is damaged", "It is named with what is wrong, can be deleted, and the others are untouched"
)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_stays_in_the_list_with_a_sentence_its_log_and_a_way_out(run, runs_dir, damage):
    spoil, words = DAMAGE[damage]
    other = create_run(get_recipe("quick"), runs_dir)
    spoil(run)
    readable, (damaged,) = all_runs(runs_dir)
    assert [found.id for found in readable] == [other.id]
    assert (damaged.id, damaged.state) == (run.id, "newer" if "newer" in damage else "damaged")
    assert re.search(words, damaged.problem), damaged.problem
    assert damaged.problem.endswith(".") and "\n" not in damaged.problem
    assert log_tail(damaged) == "what the worker said"
    delete_run(runs_dir, damaged.id)
    assert not run.folder.exists()
    assert other.folder.exists()


@pytest.mark.security("A copy of a run, with the original's id in it, is deleted", "The original stays")
@pytest.mark.parametrize("name", ["{id}-copy", "best one", "20300101-000000-abcdef"])
def test_a_copy_of_a_run_is_called_one_and_deleting_it_leaves_the_original(run, runs_dir, name):
    copy = runs_dir / name.format(id=run.id)
    shutil.copytree(run.folder, copy)
    assert [found.folder for found in list_runs(runs_dir)] == [run.folder]
    (damaged,) = list_damaged(runs_dir)
    assert damaged.folder == copy
    assert "a copy of that run" in damaged.problem and run.id in damaged.problem
    delete_run(runs_dir, damaged.id)
    assert run.folder.is_dir() and not copy.exists()


@pytest.mark.security("A copy of a run is changed, stopped or resumed", "The original stays as it is")
def test_nothing_is_done_to_a_run_through_its_copy(run, runs_dir):
    update_run(run.folder, state="queued")
    copy = runs_dir / f"{run.id}-copy"
    shutil.copytree(run.folder, copy)
    before = {folder: (folder / "run.json").read_bytes() for folder in (run.folder, copy)}
    told = run.model_copy(update={"folder": copy})
    for act in (stop, resume, end_now, lambda run: update_run(run.folder, note="x")):
        with pytest.raises(RunError, match="copy of that run"):
            act(told)
    assert {folder: (folder / "run.json").read_bytes() for folder in before} == before


def test_a_run_of_a_newer_version_is_not_called_damaged(run, runs_dir):
    change(run, schema_version=99, recipe={"name": "quick", "flux": 1})
    (newer,) = list_damaged(runs_dir)
    assert "was written by a newer version" in newer.problem and "damaged" not in newer.problem
    assert "Update finsent" in newer.problem


@pytest.mark.security("A file of a run is damaged", "It is told, and the run stays in every list")
def test_a_damaged_file_of_a_run_is_told_and_the_run_stays_in_every_list(runs_dir):
    run = made_run(runs_dir, *made_pair(30))
    assert damaged_files(run) == []
    run.evaluation_file.write_text("{}")
    run.predictions_file("tuned").write_bytes(b"PAR1 half")
    key = save_judged(run, "posts", "0123456789abcdef", *made_pair(12))
    (run.folder / "predictions" / f"on-{key}" / "about.json").write_text("{ half")
    assert [found.id for found in list_runs(runs_dir)] == history_table(list_runs(runs_dir))["run"].tolist() == [run.id]
    told = " ".join(damaged_files(run))
    assert "predictions/tuned.parquet is damaged" in told
    assert judged_sets(run)[key] == f"rows whose title cannot be read ({key})"


def test_a_change_of_what_a_run_does_not_have_is_refused(run):
    with pytest.raises(ValueError, match="no field stete"):
        update_run(run.folder, stete="done")
