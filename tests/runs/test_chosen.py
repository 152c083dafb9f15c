"""The run that is meant where nobody names one: the pinned one, else the best on its validation rows."""

import pytest

from finsent.errors import RunNotFoundError, RunStateError
from finsent.recipe import get_recipe
from finsent.runs.chosen import Chosen, Standing, choose, chosen_run, interrupted, pin, pinned_id, standing, unpin
from finsent.runs.deletion import delete_run
from finsent.runs.origin import Origin, UsedCorrections, UsedRepair
from finsent.runs.stages import _NOTHING_LEARNED
from finsent.runs.store import create_run, list_runs, update_run
from tests.predictions import made_pair, made_run


@pytest.fixture
def judged(runs_dir):
    """Return a function that makes a finished run, whose model sees as much as ``gain`` says."""

    def make(gain, name="", **record):
        run = made_run(runs_dir, *made_pair(120, validation=60, gain=gain), name=name)
        return update_run(run.folder, **record)

    return make


def test_the_best_on_validation_rows_of_the_same_data_is_taken(judged, runs_dir):
    best, _ = judged(2.0, source_hash="a"), judged(-0.5, source_hash="a")
    other = judged(3.0, source_hash="b")
    update_run(other.folder, created=best.created.replace(year=2020))
    runs = sorted(list_runs(runs_dir), key=lambda run: run.created, reverse=True)
    found = choose(runs, runs_dir)
    assert found.run.id == best.id
    place = standing(best)
    assert (
        found.why
        == f"the best of 2 finished runs on these data: macro-F1 {place.macro_f1:.3f} on its 60 validation rows"
    )
    assert place.n == 60
    assert chosen_run(runs_dir).run.id in {run.id for run in runs}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: update_run(run.folder, warning=_NOTHING_LEARNED),
        lambda run: run.evaluation_file.unlink(),
        lambda run: run.evaluation_file.write_text("{}"),
        lambda run: run.predictions_file("tuned").write_text("no table"),
    ],
    ids=["learned nothing", "no figures", "damaged figures", "damaged predictions"],
)
def test_a_run_that_says_nothing_is_never_taken_by_itself(judged, runs_dir, spoil):
    run = judged(2.0)
    spoil(run)
    assert choose(list_runs(runs_dir), runs_dir) is None
    with pytest.raises(RunNotFoundError, match="Name a run, or launch one"):
        chosen_run(runs_dir)
    weaker = judged(-1.0)
    assert chosen_run(runs_dir).run.id == weaker.id


def test_the_test_rows_have_no_say(judged, runs_dir):
    runs = [judged(0.5, str(number)) for number in range(2)]
    places = {runs[0].id: Standing(0.9, 60), runs[1].id: Standing(0.1, 60)}
    assert choose(runs, runs_dir, standing_of=lambda run: places[run.id]).run.id == runs[0].id
    places = {run.id: Standing(None, 0) for run in runs}
    assert choose(runs, runs_dir, standing_of=lambda run: places[run.id]).run.id == runs[0].id


def test_a_pin_comes_first_and_falls_with_its_run(judged, runs_dir):
    best, pinned = judged(2.0), judged(-1.0)
    pin(pinned)
    assert choose(list_runs(runs_dir), runs_dir).why == "pinned"
    assert chosen_run(runs_dir).run.id == pinned.id
    # What is not usable for a purpose is not taken for it, pinned or not.
    assert choose(list_runs(runs_dir), runs_dir, lambda run: run.id == best.id).run.id == best.id
    delete_run(runs_dir, pinned.id)
    assert chosen_run(runs_dir).run.id == best.id
    assert unpin(runs_dir) == pinned.id
    assert pinned_id(runs_dir) is None


REPAIR = UsedRepair(rows=4, synthetic=0, replayed=12, sha256="")
CORRECTED = UsedCorrections(version=1, sha256="", keep=0, change=1, drop=0, flag=0)


@pytest.mark.parametrize("mending", [{"repair": REPAIR}, {"corrections": CORRECTED}], ids=["repair set", "corrections"])
def test_a_mended_run_stands_back_for_the_one_that_it_continues(judged, runs_dir, mending):
    parent = judged(-0.5, "first")
    child = judged(2.0, "second", origin=Origin(parent=parent.id, **mending))
    found = choose(list_runs(runs_dir), runs_dir)
    assert found.run.id == parent.id
    assert found.why == (
        "the newest finished run on these data, mended ones aside; second continues it and stands back, since "
        "validation rows may have chosen what mended it: pin it to have it shown"
    )
    pin(child)
    assert choose(list_runs(runs_dir), runs_dir).run.id == child.id
    unpin(runs_dir)
    # What builds on it has learnt the same: run on without another repair set, or averaged.
    judged(2.5, "third", origin=Origin(parent=child.id))
    judged(2.5, "mean", averaged=(parent.id, child.id))
    found = choose(list_runs(runs_dir), runs_dir)
    assert found.run.id == parent.id
    assert "; 3 runs that continue others stand back, since" in found.why
    other = judged(-1.0, "other")
    found = choose(list_runs(runs_dir), runs_dir)
    assert (found.run.id, other.source_hash) == (parent.id, parent.source_hash)
    assert found.why.startswith("the best of 2 finished runs on these data, mended ones aside: macro-F1 ")


def test_a_mended_run_is_taken_where_there_is_no_other(judged, runs_dir):
    parent = judged(-0.5)
    child = judged(2.0, origin=Origin(parent=parent.id, repair=REPAIR))
    delete_run(runs_dir, parent.id)
    assert choose(list_runs(runs_dir), runs_dir) == Chosen(child, "the newest finished run on these data")


def test_a_run_that_is_continued_on_its_own_rows_is_judged_fairly(judged, runs_dir):
    parent = judged(-0.5)
    child = judged(2.0, origin=Origin(parent=parent.id))
    assert choose(list_runs(runs_dir), runs_dir).run.id == child.id
    corrected = judged(2.5, origin=Origin(corrections=CORRECTED))
    assert choose(list_runs(runs_dir), runs_dir).run.id == corrected.id


def test_a_run_without_a_model_is_not_pinned(runs_dir):
    with pytest.raises(RunStateError, match="has no model yet"):
        pin(create_run(get_recipe("quick"), runs_dir))
    assert pinned_id(runs_dir) is None


def test_runs_that_ended_early_are_those_that_began(runs_dir):
    stopped, taken_out, done = (create_run(get_recipe("quick"), runs_dir) for _ in range(3))
    update_run(stopped.folder, state="stopped", started=stopped.created)
    update_run(taken_out.folder, state="stopped")
    update_run(done.folder, state="done", started=done.created)
    assert [run.id for run in interrupted(list_runs(runs_dir))] == [stopped.id]
