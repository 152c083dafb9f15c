"""Predictions tables and finished run folders that are made for tests: no model has run for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from finsent.inference.predictions import LOGP_COLUMNS, label_predictions, save_predictions
from finsent.labels import FIVE_LABELS, INVALID, NEWS_ANSWERS, POST_ANSWERS, join_answers
from finsent.metrics.classification import compare_predictions
from finsent.metrics.figures import Comparison
from finsent.recipe import get_recipe
from finsent.runs.history import save_comparison
from finsent.runs.store import Run, RunState, create_run, update_run

TOPICS = ("dividends", "contracts", "results", "")


def answers_of(label: str) -> tuple[str, ...]:
    """Return an answer set that has a label; neutral stands in both and gets that of news."""
    return POST_ANSWERS if label in ("bearish", "bullish") else NEWS_ANSWERS


def made_predictions(gold: Sequence[str], predicted: Sequence[str], confidence: float = 0.8) -> pd.DataFrame:
    """Return a predictions table of test rows; an “invalid” answer stands as what the model wrote."""
    answers = [answers_of(label) for label in gold]
    logp = np.full((len(gold), len(FIVE_LABELS)), np.nan)
    for row, (allowed, label) in enumerate(zip(answers, predicted, strict=True)):
        for answer in allowed:
            share = 1 / 3 if label == INVALID else confidence if answer == label else (1 - confidence) / 2
            logp[row, FIVE_LABELS.index(answer)] = np.log(share)
    rows = pd.DataFrame(
        {
            "row_id": [f"r{number}" for number in range(len(gold))],
            "text": [f"Made text {number} about a {label} event" for number, label in enumerate(gold)],
            "label": list(gold),
            "answers": [join_answers(allowed) for allowed in answers],
            "source": "made",
            "topic": [TOPICS[number % len(TOPICS)] for number in range(len(gold))],
            "split": "test",
        }
    )
    table = label_predictions(rows, pd.DataFrame(logp, columns=LOGP_COLUMNS))
    table["predicted"] = list(predicted)
    return table


def made_pair(n: int, seed: int = 0, validation: int = 0, gain: float = 1.2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of a baseline that leans to positive and of a tuned model that leans less and sees more.

    The first ``validation`` rows are of the validation split, the others of the test split.
    """
    random = np.random.default_rng(seed)
    gold = random.choice(FIVE_LABELS, size=n, p=[0.2, 0.08, 0.42, 0.1, 0.2])
    posts = np.isin(gold, ["bearish", "bullish"]) | ((gold == "neutral") & (random.random(n) < 0.2))
    rows = pd.DataFrame(
        {
            "row_id": [f"r{number}" for number in range(n)],
            "text": [f"Made text {number} on {'a post' if post else 'news'}" for number, post in enumerate(posts)],
            "label": gold,
            "answers": [join_answers(POST_ANSWERS if post else NEWS_ANSWERS) for post in posts],
            "source": np.where(posts, "made_posts", "made_news"),
            "topic": random.choice(TOPICS, size=n),
            "split": ["validation"] * validation + ["test"] * (n - validation),
        }
    )
    truth = np.array(FIVE_LABELS)[None, :] == gold[:, None]
    outside = [[label not in answers for label in FIVE_LABELS] for answers in rows["answers"].str.split("|")]
    difficulty = random.normal(size=(n, len(FIVE_LABELS)))
    lean = np.array([0, 0, 0, 1.6, 1.6])
    tables = []
    for sees, leans in ((0.8, 1.0), (0.8 + gain, 0.25)):
        logits = sees * truth + leans * lean + difficulty + 0.5 * random.normal(size=difficulty.shape) - 3
        logits[np.array(outside)] = np.nan
        tables.append(label_predictions(rows, pd.DataFrame(logits, columns=LOGP_COLUMNS)))
    return tables[0], tables[1]


def answered(rows: pd.DataFrame, label: str | Sequence[str]) -> pd.DataFrame:
    """Return the predictions table of a model that gives some rows of a data set one label, or one each."""
    said = [label] * len(rows) if isinstance(label, str) else label
    table = made_predictions(rows["label"].tolist(), said)
    kept = ["row_id", "text", "label", "answers", "source", "topic", "split"]
    return table.assign(**{name: rows[name].to_numpy() for name in kept})


def as_trained(rows: pd.DataFrame) -> pd.DataFrame:
    """Return texts and labels as a run keeps the rows that it was trained on: with a name and an answer set."""
    made = {"row_id": [f"t{number}" for number in range(len(rows))]}
    made["answers"] = [join_answers(answers_of(label)) for label in rows["label"]]
    return rows.assign(**{name: values for name, values in made.items() if name not in rows})


#: Comparisons of made tables by what these hold: the intervals take half a second, and hundreds of tests make the same.
_COMPARED: dict[bytes, Comparison] = {}


def _compared(baseline: pd.DataFrame, tuned: pd.DataFrame) -> Comparison:
    content = b"".join(pd.util.hash_pandas_object(table).to_numpy().tobytes() for table in (baseline, tuned))
    if content not in _COMPARED:
        _COMPARED[content] = compare_predictions(baseline, tuned)
    return _COMPARED[content]


def made_run(
    runs_dir: Path, baseline: pd.DataFrame, tuned: pd.DataFrame, training: pd.DataFrame | None = None, name: str = ""
) -> Run:
    """Return a run in state ``done`` with these predictions in its folder, and no adapter."""
    run = create_run(get_recipe("quick"), runs_dir, name)
    save_predictions(baseline, run.predictions_file("baseline"))
    save_predictions(tuned, run.predictions_file("tuned"))
    if training is not None:
        save_predictions(as_trained(training), run.predictions_file("training_rows"))
    judged = (baseline["split"] == "test").to_numpy()
    save_comparison(run, _compared(baseline[judged], tuned[judged]))
    return update_run(run.folder, state=RunState.DONE, source_title="Made for tests")


#: Gold label, baseline's and tuned model's answer of twelve rows, few enough to count by hand.
TWELVE = (
    ("negative", "negative", "negative"),
    ("negative", "positive", "negative"),
    ("bearish", "bullish", "bearish"),
    ("neutral", "positive", "neutral"),
    ("neutral", "positive", "neutral"),
    ("neutral", "positive", "neutral"),
    ("neutral", "neutral", "positive"),
    ("neutral", "positive", "positive"),
    ("positive", "positive", "positive"),
    ("positive", "positive", "neutral"),
    ("positive", "positive", INVALID),
    ("bullish", "bullish", "bullish"),
)


def twelve() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both models' predictions of the twelve rows."""
    gold, before, after = zip(*TWELVE, strict=True)
    return made_predictions(gold, before), made_predictions(gold, after)
