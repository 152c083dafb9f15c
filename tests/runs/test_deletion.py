"""Deleting: only what was named, all of it, and nothing comes back."""

import threading

import pytest

from finsent.errors import FolderGoneError, RunNotFoundError, RunStateError
from finsent.files import replacing, write_atomically
from finsent.recipe import get_recipe
from finsent.runs import deletion
from finsent.runs.annotations import annotate
from finsent.runs.baselines import shared_file
from finsent.runs.deletion import delete_run, finish_deletions
from finsent.runs.evaluated_sets import save_judged
from finsent.runs.locks import folder_lock, launch_lock
from finsent.runs.queue import start_next
from finsent.runs.store import create_run, list_runs, update_run
from tests.predictions import made_pair


def ended(runs_dir, **fields):
    return update_run(create_run(get_recipe("quick"), runs_dir).folder, state="done", **fields)


def left(runs_dir):
    """What is in a folder of runs, but for its lock."""
    return sorted(path.name for path in runs_dir.iterdir() if path.name != ".launch.lock")


@pytest.mark.security("A run is deleted while another process starts runs", "The deletion waits for it")
def test_deleting_waits_for_whoever_starts_runs(runs_dir):
    run = ended(runs_dir)
    thread = threading.Thread(target=delete_run, args=(runs_dir, run.id))
    with launch_lock(runs_dir):
        thread.start()
        thread.join(0.5)
        assert run.folder.is_dir()
    thread.join(10)
    assert left(runs_dir) == []


@pytest.mark.security(
    "A deletion is interrupted halfway", "The run is gone from every list, and the rest goes at the next start"
)
def test_an_interrupted_deletion_is_finished_at_the_next_start(runs_dir, monkeypatch):
    run, other = ended(runs_dir), ended(runs_dir)
    (run.folder / "checkpoints").mkdir()
    with monkeypatch.context() as interrupted:

        def killed(*_, **__):
            raise KeyboardInterrupt

        interrupted.setattr(deletion.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_run(runs_dir, run.id)
    assert left(runs_dir) == sorted([f".deleted-{run.id}", other.id])
    assert [one.id for one in list_runs(runs_dir)] == [other.id]
    start_next(runs_dir)
    assert left(runs_dir) == [other.id]


@pytest.mark.security("A run folder that is a link is deleted", "The link goes, what it leads to stays")
def test_of_a_linked_run_only_the_link_goes(runs_dir, tmp_path):
    run = ended(runs_dir)
    elsewhere = tmp_path / "big disk" / run.id
    elsewhere.parent.mkdir()
    run.folder.rename(elsewhere)
    run.folder.symlink_to(elsewhere)
    (found,) = list_runs(runs_dir)
    assert found.folder == run.folder
    delete_run(runs_dir, run.id)
    assert left(runs_dir) == []
    assert (elsewhere / "run.json").is_file()


def test_a_link_that_leads_nowhere_can_be_deleted(runs_dir, tmp_path):
    link = runs_dir / "20260101-000000-abcdef"
    link.symlink_to(tmp_path / "unplugged")
    delete_run(runs_dir, link.name)
    assert left(runs_dir) == []


@pytest.mark.security("A link stands among what a deletion left", "It is not followed")
def test_a_link_among_the_remains_is_not_followed(runs_dir, tmp_path):
    (tmp_path / "precious").mkdir()
    (runs_dir / ".deleted-x").symlink_to(tmp_path / "precious")
    finish_deletions(runs_dir)
    assert left(runs_dir) == [] and (tmp_path / "precious").is_dir()


@pytest.mark.security("A name that is no run folder is given to be deleted", "Nothing is deleted")
@pytest.mark.parametrize("name", ["", ".", "..", "../x", ".baseline"])
def test_what_is_no_run_folder_is_never_deleted(runs_dir, name):
    (runs_dir / ".baseline").mkdir()
    (runs_dir.parent / "x").mkdir()
    with pytest.raises(RunNotFoundError):
        delete_run(runs_dir, name)
    assert (runs_dir / ".baseline").is_dir() and (runs_dir.parent / "x").is_dir()


def saved(run):
    pair = made_pair(12)
    save_judged(run, "other rows", "0123456789abcdef", *pair)


@pytest.mark.security("Something is written into a run that was deleted", "The folder does not come back")
@pytest.mark.parametrize(
    "write",
    [
        lambda run: update_run(run.folder, note="late"),
        lambda run: annotate(run, "r1", ["late"], ""),
        lambda run: write_atomically(run.evaluation_file, "{}"),
        saved,
    ],
    ids=["record", "annotation", "file", "predictions"],
)
def test_what_is_written_of_a_deleted_run_does_not_bring_it_back(runs_dir, write):
    run = ended(runs_dir)
    delete_run(runs_dir, run.id)
    with pytest.raises(FolderGoneError, match="not there any more"):
        write(run)
    assert left(runs_dir) == []


@pytest.mark.security("A run is deleted while another process waits for its lock", "The folder does not come back")
def test_a_run_that_is_deleted_while_somebody_waits_for_its_lock_does_not_come_back(runs_dir, monkeypatch):
    run = ended(runs_dir)
    real = type(run.folder).is_file
    # The look at the folder comes just before the deletion, the lock just after it.
    seen = iter([True])
    monkeypatch.setattr(type(run.folder), "is_file", lambda path: next(seen, None) or real(path))
    deletion.discard(run.folder)
    with pytest.raises(FolderGoneError), folder_lock(run.folder, ".run.lock"):
        pass
    assert left(runs_dir) == []


@pytest.mark.security("Two write one file at once", "Each has a scratch file of its own, and the file is whole")
def test_two_that_write_one_file_at_once_do_not_share_a_scratch_file(tmp_path):
    with replacing(tmp_path / "table") as one, replacing(tmp_path / "table") as two:
        one.write_text("one")
        two.write_text("two")
        assert one != two and one.read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def share(runs_dir, key):
    file = shared_file(runs_dir, key)
    file.parent.mkdir(exist_ok=True)
    file.write_text("texts of the run")
    return file


def test_a_baseline_goes_with_the_last_run_that_uses_it(runs_dir):
    one, two = share(runs_dir, "one"), share(runs_dir, "two")
    runs = [ended(runs_dir, baseline_key=key) for key in ("one", "one", "two")]
    delete_run(runs_dir, runs[0].id)
    assert one.exists() and two.exists()
    delete_run(runs_dir, runs[1].id)
    assert not one.exists() and two.exists()
    delete_run(runs_dir, runs[2].id)
    assert not two.exists()


def test_a_damaged_run_still_uses_its_baseline_and_one_without_a_record_of_it_uses_none(runs_dir):
    used, unused = share(runs_dir, "used"), share(runs_dir, "unused")
    damaged, old, gone = ended(runs_dir, baseline_key="used"), ended(runs_dir), ended(runs_dir)
    record = (damaged.folder / "run.json").read_text().replace('"done"', '"flying"')
    (damaged.folder / "run.json").write_text(record)
    delete_run(runs_dir, gone.id)
    assert used.exists() and not unused.exists()
    assert old.folder.is_dir()


@pytest.mark.security("A run at work is deleted", "It is refused")
def test_a_run_at_work_is_not_deleted(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    with pytest.raises(RunStateError, match="stop it"):
        delete_run(runs_dir, run.id)
    assert run.folder.is_dir()
