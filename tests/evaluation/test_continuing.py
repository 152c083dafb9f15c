"""A run that continues another one: its adapter, corrected labels, a repair set, and what it changed."""

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from finsent.data.prepared import prepare
from finsent.errors import ContinueError, DamagedFileError, RepairError, RunChangedError, RunStateError
from finsent.evaluation.continuing import beginning, check_child
from finsent.evaluation.verify import verify_run
from finsent.inference.predictions import save_predictions
from finsent.metrics.wording import verdict_sentences
from finsent.models.adapter import WEIGHTS_FILE
from finsent.recipe import change_recipe
from finsent.runs.beginning import origin_dir, with_origin
from finsent.runs.corrections import corrections_file, decide, saved_corrections
from finsent.runs.origin import Origin
from finsent.runs.queue import follow, launch
from finsent.runs.rows import prepare_again, training_rows
from finsent.runs.store import RunState, create_run, list_runs, read_run, update_run
from tests.predictions import as_trained, made_predictions, made_run

GOLD = ["neutral"] * 12 + ["positive"] * 8


def other_label(label):
    return "negative" if label == "positive" else "positive"


@pytest.fixture
def parent(tiny_recipe, runs_dir):
    """A run with an adapter that nobody has trained."""
    run = create_run(tiny_recipe, runs_dir)
    run.adapter_dir.mkdir()
    for name in ("adapter_config.json", WEIGHTS_FILE, "finsent.json"):
        (run.adapter_dir / name).write_bytes(name.encode())
    return update_run(run.folder, source_hash=prepare(tiny_recipe).source_hash)


@pytest.fixture(scope="module")
def data(tiny_recipe):
    return prepare(tiny_recipe)


def test_corrected_rows_are_trained_on_and_test_rows_stay(data, runs_dir):
    changed, dropped = data.train.iloc[0], data.train.iloc[1]
    watched = data.validation.iloc[0]
    decide(runs_dir, data, changed["row_id"], "change", other_label(changed["label"]))
    decide(runs_dir, data, dropped["row_id"], "drop")
    decide(runs_dir, data, watched["row_id"], "change", other_label(watched["label"]))
    decide(runs_dir, data, data.test.iloc[0]["row_id"], "flag")
    saved = saved_corrections(runs_dir, data)
    begun = beginning(data, corrections=saved)
    assert begun.origin.parent == ""
    assert begun.origin.corrections.model_dump() == {"version": 4, "sha256": saved.sha256, **saved.counts}
    used = begun.prepared(data)
    labels = dict(zip(used.train["row_id"], used.train["label"], strict=True))
    assert labels[changed["row_id"]] == other_label(changed["label"])
    assert dropped["row_id"] not in labels
    assert used.validation["label"].iloc[0] != watched["label"]
    pd.testing.assert_frame_equal(used.test, data.test)
    with pytest.raises(ContinueError, match="nothing is corrected"):
        beginning(data)


def repair_rows(data, count=4):
    own = data.train.head(count)
    edited = own.head(1).assign(row_id="made", text="Edited", prompt="P", source="synthetic: rule")
    return pd.concat([own, edited], ignore_index=True)


def test_a_repair_set_is_trained_on_with_replayed_rows(data, parent):
    begun = beginning(data, parent, repair=repair_rows(data), replay=3)
    assert begun.origin.parent == parent.id
    assert begun.origin.repair.model_dump(exclude={"sha256"}) == {"rows": 5, "synthetic": 1, "replayed": 15}
    used = begun.prepared(data)
    assert used.train["row_id"].tolist()[:5] == [*data.train["row_id"].head(4), "repair-1"]
    assert used.train["prompt"].head(4).tolist() == data.train["prompt"].head(4).tolist()
    assert used.train["row_id"].is_unique and len(used.train) == 20
    assert set(used.train["row_id"][5:]) <= set(data.train["row_id"][4:])
    again = beginning(data, parent, repair=repair_rows(data), replay=3)
    assert again.files == begun.files
    other = beginning(data, parent, repair=repair_rows(data), replay=3, seed=7)
    assert other.prepared(data).train["row_id"].tolist() != used.train["row_id"].tolist()
    assert len(beginning(data, parent, repair=repair_rows(data), replay=0).prepared(data).train) == 5


def test_validation_rows_that_are_trained_on_no_longer_choose(data, parent):
    rows = data.validation.head(2)
    used = beginning(data, parent, repair=rows).prepared(data)
    assert not set(rows["row_id"]) & set(used.validation["row_id"])
    assert len(used.validation) == len(data.validation) - 2


def test_a_repair_set_with_test_texts_or_other_labels_is_refused(data, parent):
    copy = repair_rows(data).assign(text=lambda rows: rows["text"].where(rows.index != 2, data.test["text"].iloc[0]))
    with pytest.raises(RepairError, match="1 of the 5 rows .* text of the test split"):
        beginning(data, parent, repair=copy)
    rows = repair_rows(data)
    rows.loc[0, "label"] = other_label(rows.loc[0, "label"])
    with pytest.raises(RepairError, match="another label than the data"):
        beginning(data, parent, repair=rows)


def test_what_a_parent_and_its_child_must_share_is_said(tiny_recipe, parent, runs_dir, data):
    check_child(parent, tiny_recipe)
    check_child(parent, change_recipe(tiny_recipe, {"learning_rate": 1e-4, "epochs": 3, "seed": 1}))
    for change in ({"lora_rank": 4}, {"target_modules": ("q_proj",)}, {"split_seed": 1}, {"source": "embedded"}):
        with pytest.raises(ContinueError, match=f"needs its {next(iter(change))}"):
            check_child(parent, change_recipe(tiny_recipe, change))
    with pytest.raises(ContinueError, match="no adapter"):
        check_child(create_run(tiny_recipe, runs_dir), tiny_recipe)
    with pytest.raises(RunChangedError, match="data of run"):
        beginning(data, update_run(parent.folder, source_hash="another"))


def test_what_a_run_began_with_is_in_its_folder_and_checked(tiny_recipe, parent, runs_dir, data):
    begun = beginning(data, parent, repair=repair_rows(data))
    run = create_run(tiny_recipe, runs_dir, beginning=begun)
    assert read_run(run.folder).origin == begun.origin
    pd.testing.assert_frame_equal(prepare_again(run).train, begun.prepared(data).train)
    assert with_origin(data, None, run.folder) is data
    file = origin_dir(run.folder) / "training.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match="not what the run began with"):
        prepare_again(run)
    file.unlink()
    with pytest.raises(DamagedFileError, match="cannot be read"):
        prepare_again(run)


@pytest.mark.long
def test_a_run_continues_from_another_ones_adapter(tiny_recipe, runs_dir, data, real_worker):
    """Trained with a rate so small that the adapter hardly moves, a child still has its parent's adapter."""
    short = change_recipe(tiny_recipe, {"rows": 16, "evaluations_per_epoch": 1})
    parent = list(follow(launch(short, runs_dir), interval=0.2))[-1]
    assert parent.state == RunState.DONE, parent.error
    slow = change_recipe(short, {"learning_rate": 1e-7, "checkpoint": "last"})
    check_child(parent, slow)
    own = prepare(slow)
    begun = beginning(own, parent, repair=own.train.head(4), replay=3)
    child = list(follow(launch(slow, runs_dir, prepared=begun.prepared(own), beginning=begun), interval=0.2))[-1]
    assert child.state == RunState.DONE, child.error
    assert child.origin.parent == parent.id
    assert child.splits["train"] == len(training_rows(child)) == 16
    before, after = (load_file(run.adapter_dir / WEIGHTS_FILE) for run in (parent, child))
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
    for name in before:
        np.testing.assert_allclose(before[name].numpy(), after[name].numpy(), atol=1e-5)
    found = verify_run(child)
    assert found.n == len(own.test)
    assert found.counts["mended"] + found.counts["broken"] <= 1


def verified(runs_dir, after, before=None):
    answers = ["positive"] * 10 + ["neutral"] * 2 + ["positive"] * 8
    parent = made_run(runs_dir, made_predictions(GOLD, ["positive"] * 20), made_predictions(GOLD, before or answers))
    child = made_run(runs_dir, made_predictions(GOLD, ["positive"] * 20), made_predictions(GOLD, after))
    return update_run(child.folder, origin=Origin(parent=parent.id))


def test_what_was_mended_and_broken_is_told_with_its_test(runs_dir):
    found = verify_run(verified(runs_dir, ["neutral"] * 12 + ["positive"] * 7 + ["neutral"]))
    assert found.counts == {"mended": 10, "broken": 1, "still right": 9, "still wrong": 0}
    assert found.counted == "10 rows mended, 1 broken, 9 unchanged, n = 20 test rows."
    assert found.verdict.kind == "better"
    assert (found.verdict.test.b, found.verdict.test.c) == (1, 10)
    said = " ".join(verdict_sentences(found.verdict))
    assert said.startswith("This run is better than its parent: accuracy 50.0% → 95.0%")
    assert "of the two gets right, this run has 10 and its parent 1." in said
    assert "neutral called positive 83.3% → 0.0%" in said
    assert found.answers.loc[found.answers["change"] == "broken", "row_id"].tolist() == ["r19"]
    assert found.from_baseline.baseline.accuracy == pytest.approx(8 / 20)


def test_few_changes_are_no_verdict_and_a_loss_is_one(runs_dir):
    few = ["positive"] * 9 + ["neutral"] * 3 + ["positive"] * 8
    assert verify_run(verified(runs_dir, few)).verdict.kind == "unsettled"
    assert verify_run(verified(runs_dir, ["negative"] * 20)).verdict.kind == "worse"


def test_the_verdict_on_a_child_tells_of_flagged_rows_and_of_texts_that_its_parent_was_trained_on(runs_dir):
    child = verified(runs_dir, GOLD)
    (parent,) = [run for run in list_runs(runs_dir) if run.id == child.parent]
    taught = pd.DataFrame({"text": ["Made text 3 about a neutral event"], "label": ["neutral"]})
    save_predictions(as_trained(taught), parent.predictions_file("training_rows"))
    child = update_run(child.folder, source_hash="0123456789abcdef" * 4)
    file = corrections_file(runs_dir, child.source_hash)
    file.parent.mkdir(parents=True)
    line = f"r5,flag,neutral,,,2026-01-31T12:00:00+00:00,{child.source_hash[:16]}"
    file.write_text(f"row_id,decision,old_label,new_label,reason,time,data\n{line}\n")
    verdict = verify_run(child).verdict
    assert {one.why: one.left_out for one in verdict.without} == {"flagged": 1, "trained on": verdict.overlap.n}
    assert "r3" in verdict.overlap.row_ids
    assert "1 of 20 test rows has a label flagged as doubtful" in " ".join(verdict_sentences(verdict))


def test_a_run_without_parent_or_verdict_cannot_be_verified(runs_dir, tiny_recipe):
    run = made_run(runs_dir, made_predictions(GOLD, GOLD), made_predictions(GOLD, GOLD))
    with pytest.raises(RunStateError, match="continues no run"):
        verify_run(run)
    early = create_run(tiny_recipe, runs_dir)
    with pytest.raises(RunStateError, match="was not judged yet"):
        verify_run(update_run(early.folder, origin=Origin(parent=run.id)))
