"""The chain of runs that a run continues, also where one of them was removed or a record was edited."""

from finsent.recipe import get_recipe
from finsent.runs.chain import chain_of
from finsent.runs.deletion import delete_run
from finsent.runs.origin import Origin
from finsent.runs.store import all_runs, create_run, list_runs, load_run, update_run


def made(runs_dir, parent=""):
    run = create_run(get_recipe("quick"), runs_dir)
    return update_run(run.folder, state="stopped", origin=Origin(parent=parent) if parent else None)


def ids(run, runs_dir):
    return [link.id for link in chain_of(run, list_runs(runs_dir))]


def test_the_chain_goes_back_to_the_run_that_starts_from_the_base_model(runs_dir):
    first = made(runs_dir)
    second = made(runs_dir, first.id)
    third = made(runs_dir, second.id)
    assert ids(third, runs_dir) == [first.id, second.id, third.id]
    assert ids(first, runs_dir) == [first.id]
    assert all(link.run is not None for link in chain_of(third, list_runs(runs_dir)))


def test_a_removed_run_begins_the_chain(runs_dir):
    first = made(runs_dir)
    second = made(runs_dir, first.id)
    third = made(runs_dir, second.id)
    delete_run(runs_dir, second.id)
    found = chain_of(third, list_runs(runs_dir))
    assert [link.words for link in found] == [f"run {second.id}, removed", third.title]


def test_a_run_whose_record_cannot_be_read_begins_it_too(runs_dir):
    first = made(runs_dir)
    second = made(runs_dir, first.id)
    (first.folder / "run.json").write_text("{ half")
    runs, damaged = all_runs(runs_dir)
    assert [link.words for link in chain_of(second, runs, damaged)] == [f"run {first.id}, not readable", second.title]


def test_records_that_name_one_another_end_somewhere(runs_dir):
    first = made(runs_dir)
    second = made(runs_dir, first.id)
    update_run(first.folder, origin=Origin(parent=second.id))
    assert ids(second, runs_dir) == [first.id, second.id]
    update_run(second.folder, origin=Origin(parent=second.id))
    assert ids(load_run(runs_dir, second.id), runs_dir) == [second.id]
