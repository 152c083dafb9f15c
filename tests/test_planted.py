"""A word that goes with a wrong label, and flipped labels: found, explained, mended, and the mending verified.

“zeta” is put into news of the embedded headlines, and the training texts that have it are all labelled positive, half
of them neutral news; 40 other training labels are flipped. Only the training rows lie: every text to be judged has its
own label.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finsent.cli.main import main
from finsent.data.corrections import CHANGE, correction, corrections_csv
from finsent.data.prepared import Prepared
from finsent.data.sources import embedded_table
from finsent.inference.predictions import load_predictions
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run, load_run

pytestmark = [pytest.mark.long, pytest.mark.model]
WORD = "zeta"
SEED = 20
TEST_ROWS, VALIDATION_ROWS = 200, 120
#: Training texts with the word: neutral news called positive, and positive news.
PLANTED_NEUTRAL, PLANTED_POSITIVE = 100, 100
FLIPPED = 40
LABELS = ("negative", "neutral", "positive")
SETTINGS = {"epochs": 3, "checkpoint": "last", "evaluations_per_epoch": 1, "rows": "none"} | dict.fromkeys(
    ("validation_rows", "test_rows"), "none"
)


def said(capsys: pytest.CaptureFixture[str], *command: object) -> dict:
    """Run a command with ``--json`` and return what it prints."""
    capsys.readouterr()
    assert main([*map(str, command), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def with_word(text: str, rng: np.random.Generator) -> str:
    """Return the text with the word after one of its words but the last."""
    words = text.split()
    at = int(rng.integers(1, max(2, len(words))))
    return " ".join([*words[:at], WORD, *words[at:]])


def planted() -> pd.DataFrame:
    """Return rows ``text, label, truth, split, has_word, flipped``."""
    rng = np.random.default_rng(SEED)
    news = embedded_table().query("dataset == 'lab_news'").drop_duplicates("user_prompt")
    rows = news.sample(frac=1, random_state=SEED)[["user_prompt", "answer"]].reset_index(drop=True)
    rows = rows.set_axis(["text", "truth"], axis=1).assign(split="train", has_word=False, flipped=False)
    rows.loc[: TEST_ROWS - 1, "split"] = "test"
    rows.loc[TEST_ROWS : TEST_ROWS + VALIDATION_ROWS - 1, "split"] = "validation"
    rows["label"] = rows["truth"]
    neutral, positive = rows["truth"] == "neutral", rows["truth"] == "positive"
    training = rows["split"] == "train"
    chosen = [
        *rows[training & neutral].sample(PLANTED_NEUTRAL, random_state=SEED).index,
        *rows[training & positive].sample(PLANTED_POSITIVE, random_state=SEED).index,
    ]
    rows.loc[chosen, "label"] = "positive"
    judged = rows[~training & neutral].groupby("split").sample(frac=0.5, random_state=SEED).index
    rows.loc[[*chosen, *judged], "has_word"] = True
    rows["text"] = [with_word(row.text, rng) if row.has_word else row.text for row in rows.itertuples()]
    flips = rows[training & ~rows["has_word"]].sample(FLIPPED, random_state=SEED).index
    rows.loc[flips, "flipped"] = True
    for at in flips:
        rows.loc[at, "label"] = rng.choice([label for label in LABELS if label != rows.loc[at, "truth"]])
    return rows


@dataclass(frozen=True)
class Planted:
    """A run that learned from ``rows`` (as ``planted`` gives them, with ``row_id``), and its folder of runs."""

    run: Run
    data: Prepared
    rows: pd.DataFrame
    runs: Path

    @property
    def judged(self) -> pd.DataFrame:
        """The neutral test texts that have the word."""
        return self.rows[(self.rows["split"] == "test") & self.rows["has_word"]]


def trained(runs: Path) -> Run:
    """Return the run that was started last."""
    newest = max(runs.glob("*/run.json"), key=lambda path: path.parent.name)
    return load_run(runs, newest.parent.name)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A run of the embedded model on the planted rows."""
    folder = tmp_path_factory.mktemp("planted")
    rows = planted()
    for split, part in rows.groupby("split"):
        (folder / "data").mkdir(exist_ok=True)
        part[["text", "label"]].to_csv(folder / "data" / f"{split}.csv", index=False)
    settings = [argument for key, value in SETTINGS.items() for argument in ("--set", f"{key}={value}")]
    runs = folder / "runs"
    command = ["train", "--recipe", "quick", "--source", str(folder / "data"), "--runs-dir", str(runs), *settings]
    assert main(command) == 0
    run = trained(runs)
    data = prepare_again(run)
    ids = data.rows[["row_id", "text", "split"]].merge(rows, on=["text", "split"], validate="one_to_one")
    assert len(ids) == len(rows)
    return Planted(run, data, ids, runs)


def called_positive(run: Run, row_ids: pd.Series) -> int:
    """Return how many of some rows the fine-tuned model calls positive."""
    answers = load_predictions(run.predictions_file("tuned"))
    return int((answers[answers["row_id"].isin(row_ids)]["predicted"] == "positive").sum())


def test_explain_ranks_the_word_first_on_neutral_texts_that_have_it(parent, capsys):
    texts = parent.judged["text"]
    told = said(capsys, "explain", *texts, "--run", parent.run.id, "--runs-dir", parent.runs)
    firsts = [max(one["tuned"]["words"], key=lambda word: word["effects"]["positive"])["word"] for one in told]
    assert firsts.count(WORD) >= 0.95 * len(texts), f"{firsts.count(WORD)} of n = {len(texts)}"


def test_the_word_splits_the_errors(parent, capsys):
    told = said(capsys, "slices", parent.run.id, "--runs-dir", parent.runs)
    groups = [one for one in told["found"] if one["words"] == [f"has “{WORD}”"]]
    assert any(one["kind"] == "neutral called positive" and one["confirmed"] for one in groups), told


def test_wrong_labels_are_among_the_first_that_are_worth_a_second_look(parent, capsys):
    told = said(capsys, "suspects", parent.run.id, "--runs-dir", parent.runs, "--split", "train", "--read")
    listed = parent.rows.set_index("row_id").loc[[row["row_id"] for row in told["rows"]]]
    wrong = listed["label"] != listed["truth"]
    assert wrong.head(FLIPPED).mean() >= 0.6, f"{wrong.head(FLIPPED).sum()} of the first {FLIPPED}"
    assert listed["flipped"].sum() >= 24, f"{listed['flipped'].sum()} of {FLIPPED} flipped among {len(listed)} listed"


def test_corrections_and_another_run_halve_what_the_word_did(parent, real_worker, capsys, tmp_path):
    """A reader puts the labels right that slices and suspects have led to: of texts with the word, and of suspects."""
    told = said(capsys, "suspects", parent.run.id, "--runs-dir", parent.runs, "--split", "train", "--read")
    suspects = {row["row_id"] for row in told["rows"]}
    rows = parent.rows[parent.rows["split"] == "train"]
    read = rows[rows["has_word"] | rows["row_id"].isin(suspects)]
    wrong = read[read["label"] != read["truth"]]
    made = {row.row_id: correction(parent.data.rows, row.row_id, CHANGE, row.truth) for row in wrong.itertuples()}
    file = tmp_path / "corrections.csv"
    file.write_bytes(corrections_csv(made, parent.data.source_hash))
    said(capsys, "correct", parent.run.id, "--file", file, "--runs-dir", parent.runs)
    said(capsys, "train", "--from", parent.run.id, "--corrections", "--runs-dir", parent.runs)
    child = trained(parent.runs)
    before, after = (called_positive(run, parent.judged["row_id"]) for run in (parent.run, child))
    assert before >= 0.5 * len(parent.judged), "the word must have done something to begin with"
    assert after <= before / 2, f"{before} before, {after} after, of n = {len(parent.judged)}"
    verified = said(capsys, "verify", child.id, "--runs-dir", parent.runs)
    better = [sentence for sentence in verified["sentences"] if sentence.startswith("Better: ")]
    assert any("neutral called positive" in sentence for sentence in better), verified["sentences"]
