"""What a run's adapter has learnt: its own training rows and those of the runs that it builds on."""

import pandas as pd
import pytest

from finsent.errors import RunError
from finsent.evaluation.in_proportion import run_tables, run_verdict
from finsent.evaluation.judge import evaluate_run
from finsent.evaluation.repair import repair_pool
from finsent.evaluation.rivals import _to_show
from finsent.evaluation.slices import left_out_sentence, run_slices
from finsent.evaluation.suspects import _held_out
from finsent.evaluation.verify import verify_run
from finsent.inference.predictions import save_predictions
from finsent.metrics.reference_models import BAG_OF_WORDS
from finsent.metrics.wording import verdict_lines
from finsent.runs.deletion import delete_run
from finsent.runs.origin import Origin
from finsent.runs.store import load_run, update_run
from finsent.runs.taught import known_rows, taught_by, taught_rows
from tests.predictions import as_trained, made_pair, made_run

FIRST = pd.DataFrame(
    {
        "text": [f"Sales rose {number}" for number in range(4)] + [f"Sales fell {number}" for number in range(6)],
        "label": ["positive"] * 4 + ["negative"] * 6,
    }
)
SECOND = pd.DataFrame({"text": ["A note on staff", "Sales rose 3"], "label": ["neutral", "neutral"]})
THIRD = pd.DataFrame({"text": ["Another note", "And one more"], "label": ["neutral", "positive"]})


@pytest.fixture
def chain(runs_dir):
    """Three judged runs, each of which continues the one before it."""
    pair, runs = made_pair(120, seed=3, validation=60), []
    for number, rows in enumerate((FIRST, SECOND, THIRD)):
        rows = rows.assign(row_id=[f"{number}-{place}" for place in range(len(rows))])
        run = made_run(runs_dir, *pair, rows)
        runs.append(update_run(run.folder, origin=Origin(parent=runs[-1].id)) if runs else run)
    return runs


def labels(rows):
    return dict(zip(rows["text"], rows["label"], strict=True))


def line(run, title):
    return dict(verdict_lines(run_verdict(run))).get(title, "")


def test_a_continued_run_has_learnt_the_rows_of_all_runs_before_it(chain):
    first, second, third = chain
    assert labels(taught_rows(first).rows) == labels(FIRST)
    assert labels(taught_rows(second).rows) == labels(FIRST) | labels(SECOND)
    found = taught_rows(third)
    assert labels(found.rows) == labels(FIRST) | labels(SECOND) | labels(THIRD)
    # The later run's label counts: it changed the one of “Sales rose 3”.
    assert labels(found.rows)["Sales rose 3"] == "neutral"
    assert len(found.rows) == len(FIRST) + 3 and found.rows["row_id"].is_unique
    assert found.gaps == () and found.comparable is not None


def test_an_average_has_learnt_what_the_averaged_runs_have(chain):
    average = update_run(chain[0].folder, averaged=(chain[1].id,))
    assert labels(taught_rows(average).rows) == labels(SECOND) | labels(FIRST)


def test_rows_of_the_same_id_with_other_texts_stay(chain):
    first, second, _ = chain
    for run, text in ((first, "One made by a rule"), (second, "Another made by a rule")):
        rows = as_trained(pd.DataFrame({"row_id": ["repair-1"], "text": [text], "label": ["neutral"]}))
        save_predictions(rows, run.predictions_file("training_rows"))
    assert taught_rows(second).rows["row_id"].tolist() == ["repair-1", "repair-1 (1)"]
    assert set(repair_pool(second)["row_id"]) == {"repair-1", "repair-1 (1)"}


def test_the_bag_of_words_learns_what_the_adapter_has_and_no_test_row(chain):
    first, _, third = chain
    test, validation, taught = run_tables(third)
    leaked = pd.DataFrame({"text": [*FIRST["text"], test[0]["text"].iloc[0]], "label": [*FIRST["label"], "neutral"]})
    save_predictions(as_trained(leaked), first.predictions_file("training_rows"))
    found = evaluate_run(third)
    # The majority label is the first run's: the last one's own two rows are one of each.
    assert taught.comparable["label"].value_counts().idxmax() == "negative"
    assert found.reference["majority"].per_class["negative"].called > 0
    assert found.reference.keys() == {"majority", BAG_OF_WORDS}
    assert "a bag of words trained on the same rows" in line(third, "Worth")
    # A test text that an earlier run was trained on: the reference does not learn it, and it counts as a twin.
    again = taught_rows(third)
    assert test[0]["text"].iloc[0] in set(again.rows["text"]) - set(again.comparable["text"])
    assert test[0]["row_id"].iloc[0] in found.overlap_with_training.row_ids
    assert verify_run(third).verdict.overlap == run_verdict(third).overlap
    assert validation is not None


def test_what_an_earlier_run_has_learnt_is_not_held_out(chain):
    first, second, _ = chain
    _, (watched, _), _ = run_tables(second)
    save_predictions(
        as_trained(watched[["text", "label"]].head(1)).assign(answers=watched["answers"].head(1)),
        first.predictions_file("training_rows"),
    )
    assert set(watched["text"]) - set(_held_out(second)["text"]) == {watched["text"].iloc[0]}


def test_repair_sets_and_examples_draw_on_all_of_them(chain):
    _, _, third = chain
    assert set(repair_pool(third)["text"]) == set(_to_show(third)["text"]) == set(taught_rows(third).rows["text"])


def removed(run):
    delete_run(run.folder.parent, run.id)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (removed, "was removed"),
        (lambda run: (run.folder / "run.json").write_text("{"), "cannot be read"),
        (lambda run: run.predictions_file("training_rows").unlink(), "kept no training rows"),
        (lambda run: run.predictions_file("training_rows").write_text("no table"), "cannot be read"),
    ],
    ids=["removed", "damaged record", "no rows", "damaged rows"],
)
def test_where_an_earlier_runs_rows_are_not_known_nothing_is_held_against_a_bag_of_words(chain, spoil, why):
    first, second, third = chain
    spoil(first)
    clause = f"run {first.id}, whose adapter it builds on, {why}"
    found = taught_rows(third)
    assert (found.gaps, found.comparable) == ((clause,), None)
    assert labels(found.rows) == labels(SECOND) | labels(THIRD)
    figures = evaluate_run(third)
    assert (figures.reference, figures.verdict.bag_of_words) == (None, None)
    assert figures.unknown_training == (clause,)
    assert f"cannot be trained on the same rows: {clause}." in line(third, "Worth")
    assert f"Not all training texts are known ({clause}): more of these texts may have a twin." in line(third, "Rows")
    assert verify_run(load_run(second.folder.parent, third.id)).verdict.unknown_training == (clause,)
    assert "bag of words" not in " ".join(text for _, text in verdict_lines(verify_run(third).verdict))
    slices = run_slices(third)
    assert left_out_sentence(slices).endswith("So no group is by the most similar training rows.")


def test_a_run_without_rows_is_told_of(chain):
    first, second, _ = chain
    second.predictions_file("training_rows").unlink()
    assert taught_rows(second).gaps == ("this run kept no training rows",)
    assert labels(known_rows(second)[0]) == labels(FIRST)
    first.predictions_file("training_rows").unlink()
    assert taught_rows(first).gaps == () and taught_rows(first).rows is None
    with pytest.raises(RunError, match="is not there"):
        known_rows(first)
    assert taught_rows(second).rows is None


def test_a_run_that_would_continue_itself_has_its_own_rows(chain):
    own = update_run(chain[0].folder, origin=Origin(parent=chain[0].id))
    assert labels(taught_rows(own).rows) == labels(taught_by(FIRST).rows)
