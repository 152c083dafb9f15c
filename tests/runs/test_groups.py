"""Groups of seeds: launched together, alike but for the seed, stopped and resumed as one."""

import json

import pytest

from finsent.errors import DiskFullError, RecipeError, RunNotFoundError, RunStateError
from finsent.recipe import change_recipe, get_recipe
from finsent.runs import groups, starting
from finsent.runs.groups import (
    group_of,
    group_recipes,
    groups_of,
    meant_group,
    read_again,
    resume_group,
    stop_group,
    submit_group,
)
from finsent.runs.queue import follow
from finsent.runs.store import RunState, create_run, list_runs, update_run, waiting_runs
from tests.runs.test_queue import STUB, model_folder, recipe  # noqa: F401

pytestmark = pytest.mark.usefixtures("forked_workers")


@pytest.fixture(autouse=True)
def stub(monkeypatch):
    # Whoever looks at the queue starts the next one, so the stub stands for the worker everywhere.
    monkeypatch.setattr(starting, "worker_command", lambda _: STUB)


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setenv("STUB_STEP_SECONDS", "0.2")
    monkeypatch.setenv("STUB_STEPS", "500")


def test_the_recipes_differ_in_the_seed_alone():
    start = change_recipe(get_recipe("quick"), {"seed": 7, "rows": 400})
    recipes = group_recipes(start, 3)
    assert [one.seed for one in recipes] == [7, 8, 9]
    assert {one.model_copy(update={"seed": 0}) for one in recipes} == {start.model_copy(update={"seed": 0})}
    assert recipes[0] == start


@pytest.mark.parametrize("seeds", [0, 1, 11])
def test_a_group_has_from_two_to_ten_seeds(seeds):
    with pytest.raises(RecipeError, match="from 2 to 10"):
        group_recipes(get_recipe("quick"), seeds)


def test_a_seed_beyond_its_range_is_refused_and_nothing_is_left(recipe, runs_dir):  # noqa: F811
    last = change_recipe(recipe, {"seed": 2**32 - 1})
    with pytest.raises(RecipeError, match="seed"):
        submit_group(last, runs_dir, 2)
    assert list_runs(runs_dir) == []


def test_a_disk_that_fills_up_leaves_no_part_of_a_group(recipe, runs_dir, monkeypatch):  # noqa: F811
    written = []

    def full(folder, **changes):
        written.append(folder)
        if len(written) == 2:
            raise DiskFullError("full")
        return update_run(folder, **changes)

    monkeypatch.setattr(groups, "update_run", full)
    with pytest.raises(DiskFullError):
        submit_group(recipe, runs_dir, 3)
    assert list_runs(runs_dir) == []


def test_a_group_runs_one_after_another_and_is_found_in_each_record(recipe, runs_dir):  # noqa: F811
    group = submit_group(recipe, runs_dir, 2, "luck", 60.0)
    first, second = group.runs
    assert (first.waiting, second.waiting) == (False, True)
    assert [run.name for run in group.runs] == ["luck, seed 42", "luck, seed 43"]
    assert group.seconds_left > 60
    list(follow(first, interval=0.05))
    assert read_again(group).share_done >= 0.5
    list(follow(second, interval=0.05))
    group = read_again(group)
    assert [run.state for run in group.done] == [RunState.DONE] * 2
    assert (group.active, group.share_done, group.seconds_left) == (False, 1.0, None)
    for run in group.runs:
        record = json.loads((run.folder / "run.json").read_text())
        assert record["group"] == {"id": group.id, "name": "luck", "members": [one.id for one in group.runs]}
    alone = create_run(recipe, runs_dir)
    assert groups_of(list_runs(runs_dir)) == [group]
    assert group_of(first, list_runs(runs_dir)) == group
    assert group_of(alone, list_runs(runs_dir)) is None
    with pytest.raises(RunStateError, match="no.*to go on"):
        resume_group(group)
    with pytest.raises(RunStateError, match="is at work"):
        stop_group(group)


def test_stopping_takes_the_rest_out_of_the_queue_and_resuming_puts_it_back(recipe, runs_dir, slow):  # noqa: F811
    group = submit_group(recipe, runs_dir, 3)
    next(run for run in follow(group.runs[0], 0.05) if run.steps)
    assert len(stop_group(read_again(group))) == 3
    end = list(follow(group.runs[0], 0.05))[-1]
    assert end.state == RunState.STOPPED
    ended = read_again(group)
    assert [run.state for run in ended.runs] == [RunState.STOPPED] * 3
    back = resume_group(ended)
    assert [run.id for run in back] == [run.id for run in group.runs]
    assert [run.id for run in waiting_runs(runs_dir) if run.group] == [run.id for run in group.runs[1:]]
    stop_group(read_again(group))
    list(follow(group.runs[0], 0.05))


def test_a_group_is_meant_by_its_id_its_beginning_or_its_name(recipe, runs_dir):  # noqa: F811
    members = [create_run(one, runs_dir) for one in group_recipes(recipe, 2)]
    about = {"id": "seeds-0a1b2c", "name": "luck", "members": tuple(run.id for run in members)}
    for run in members:
        update_run(run.folder, group=about)
    for words in ("seeds-0a1b2c", "seeds-0a", "luck", " luck "):
        assert meant_group(runs_dir, words).id == "seeds-0a1b2c"
    assert meant_group(runs_dir, members[0].id) is None
    with pytest.raises(RunNotFoundError, match="seeds-0a1b2c"):
        meant_group(runs_dir, "seeds-ffffff")


def test_a_deleted_member_is_missing_and_the_others_stay(recipe, runs_dir):  # noqa: F811
    members = [create_run(one, runs_dir) for one in group_recipes(recipe, 2)]
    about = {"id": "seeds-0a1b2c", "members": ("20260101-000000-aaaaaa", *(run.id for run in members))}
    for run in members:
        update_run(run.folder, group=about)
    (group,) = groups_of(list_runs(runs_dir))
    assert (group.missing, group.seeds) == (1, (42, 43))
    assert "3 seeds" in group.title
    assert "seed 4" not in group.title
