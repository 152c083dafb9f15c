"""Could a better prompt have done it? The base model with examples in its prompt, or with another system prompt.

A rival answers the same rows as a run's fine-tuned model, is scored in the same way within the same answer sets, and is
kept beside the run. Nothing of it is trained, and its examples are rows that the run's adapter has learnt.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from finsent.data.choices import NOTHING_CHOSEN, Choices
from finsent.data.dataset import load_data
from finsent.errors import EmptyDataError, UsageError
from finsent.evaluation.classifier import Classifier
from finsent.files import read_json, typed_path, write_atomically
from finsent.inference.predictions import load_predictions, save_predictions
from finsent.inference.scoring import Report
from finsent.labels import answers_in, split_answers
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.figures import Figures
from finsent.metrics.reference_models import overlap_with_training
from finsent.metrics.verdict import TUNED, Known, Verdict, judge
from finsent.prompts import build_prompt, completion
from finsent.runs.base_model import unchanged_base
from finsent.runs.evaluated_sets import OWN, judged_files, judged_pair, set_key
from finsent.runs.flags import flagged_rows
from finsent.runs.rows import prepare_again, training_rows
from finsent.runs.store import Run
from finsent.runs.taught import taught_rows

#: Most examples in a prompt, and the longest text among them, in characters.
MOST_EXAMPLES = 60
LONGEST_EXAMPLE = 400
LONGEST_PROMPT = 4_000
_FEW_SHOT = re.compile(r"few-shot:(\d{1,3})(?::(\d{1,9}))?")
_KEY = re.compile(r"few-shot-\d{1,3}(-\d{1,9})?|prompt-[0-9a-f]{12}")


@dataclass(frozen=True)
class Rival:
    """The base model with ``examples`` in its prompt, drawn with a ``seed``, or with another ``system_prompt``.

    ``key`` names its file, ``title`` is what people read.
    """

    key: str
    title: str
    examples: int = 0
    seed: int = 0
    system_prompt: str | None = None


@dataclass(frozen=True)
class JudgedRival:
    """A rival's figures, and the verdict on the fine-tuned model beside it."""

    key: str
    title: str
    figures: Figures
    verdict: Verdict


class _About(BaseModel):
    title: str = Field(min_length=1, max_length=1_000)


def read_rival(words: str) -> Rival:
    """Return the rival that ``few-shot:K``, ``few-shot:K:SEED`` or ``prompt:FILE`` names.

    Raises:
        UsageError: it is none of these, K is out of range, or the file cannot be used.
    """
    if words.startswith("prompt:"):
        return _other_prompt(words.removeprefix("prompt:"))
    found = _FEW_SHOT.fullmatch(words)
    count = int(found[1]) if found else 0
    if not 1 <= count <= MOST_EXAMPLES:
        raise UsageError(
            f"“{words}” names no rival. Give few-shot:K with K from 1 to {MOST_EXAMPLES}, for example few-shot:6, or "
            "prompt:FILE with a file that holds a system prompt."
        )
    seed = int(found[2] or 0) if found else 0
    drawn = f", draw {seed}" if seed else ""
    key = f"few-shot-{count}" + (f"-{seed}" if seed else "")
    return Rival(key, f"base model with {count} examples in its prompt{drawn}", examples=count, seed=seed)


def judge_rival(
    run: Run,
    rival: Rival,
    data: str | Path | None = None,
    report: Report | None = None,
    choices: Choices = NOTHING_CHOSEN,
) -> JudgedRival:
    """Score a rival on the rows that a run was judged on, keep its answers beside the run, and return what they say.

    The rows are the run's own test split, or those of ``data``, which the run must have been judged on.

    Raises:
        RunError: the run was not judged on these rows, or kept no training rows to draw examples from.
        DataError, ModelError: the data or the base model cannot be used.
    """
    if data is None:
        on, rows = OWN, prepare_again(run).test
    else:
        other = load_data(str(data), choices)
        on, rows = set_key(other.fingerprint), other.rows
    place = judged_files(run, on)[0].parent
    prompted = prompted_rows(rows, rival, _to_show(run) if rival.examples else None)
    source = run.settled_recipe
    unchanged_base(run)
    classifier = Classifier(source.model, None, source.compute_dtype, (run.folder.parent,))
    table = classifier.score(prompted, tuned=False, report=report)
    save_predictions(table, place / f"rival-{rival.key}.parquet")
    write_atomically(place / f"rival-{rival.key}.json", json.dumps({"title": rival.title}))
    return _judged(run, on, rival.key, rival.title, table)


def _to_show(run: Run) -> pd.DataFrame:
    """Return the rows to draw examples from: those that the run's adapter has learnt, as far as they are known."""
    found = taught_rows(run).unseen
    return training_rows(run) if found is None else found


def judged_rivals(run: Run, on: str = OWN, classes: int = 3) -> list[JudgedRival]:
    """Return what the rivals that were judged on a set of a run's rows say; none before one was.

    Raises:
        RunError: the answers of one cannot be read, or are about other rows than the run's.
    """
    found = []
    found_files = judged_files(run, on)[0].parent.glob("rival-*.json")
    for about in sorted(found_files, key=lambda file: (len(file.stem), file.stem)):
        key = about.stem.removeprefix("rival-")
        if _KEY.fullmatch(key):
            table = load_predictions(about.with_suffix(".parquet"))
            found.append(_judged(run, on, key, _title(about, key), table, classes))
    return found


def prompted_rows(rows: pd.DataFrame, rival: Rival, training: pd.DataFrame | None) -> pd.DataFrame:
    """Return rows to score with a rival's prompt in place of their own.

    Examples are as many of each label of the row's answer set as go into ``rival.examples`` evenly, from training rows
    of that set (``text, label, answers``) of at most 400 characters, in an order of the rival's seed. Another system
    prompt is given to the rows whose answer set it names.

    Raises:
        EmptyDataError: a label has too few training rows, or no row has the prompt's answer set.
    """
    if rival.system_prompt is not None:
        return _with_prompt(rows, rival.system_prompt)
    assert training is not None, "examples are drawn from training rows"
    parts = []
    for answers, part in rows.groupby("answers", sort=False):
        shown = _examples(training[training["answers"] == answers], split_answers(str(answers)), rival)
        system = part["system_prompt"] + shown
        parts.append(part.assign(system_prompt=system, prompt=_prompts(system, part["text"])))
    return pd.concat(parts).loc[rows.index]


def _examples(training: pd.DataFrame, labels: tuple[str, ...], rival: Rival) -> str:
    """Return examples as the prompt's further turns: each a text in the prompt's form, and its answer."""
    if rival.examples % len(labels):
        raise UsageError(
            f"{rival.examples} examples are not as many of each of {', '.join(labels)}. Give a multiple of "
            f"{len(labels)}, for example few-shot:{len(labels) * max(1, rival.examples // len(labels))}."
        )
    random = np.random.default_rng(rival.seed)
    short = training[training["text"].str.len() <= LONGEST_EXAMPLE]
    each = rival.examples // len(labels)
    drawn = []
    for label in labels:
        of_label = short[short["label"] == label]
        if len(of_label) < each:
            raise EmptyDataError(
                f"The run's training rows have {len(of_label)} short texts labelled {label}, and {rival.examples} "
                f"examples take {each}. Give fewer."
            )
        drawn.append(of_label.iloc[random.choice(len(of_label), each, replace=False)])
    mixed = pd.concat(drawn)
    mixed = mixed.iloc[random.permutation(len(mixed))]
    turns = zip(mixed["text"], mixed["label"], strict=True)
    return "".join(build_prompt("", text) + completion(label) for text, label in turns)


def _with_prompt(rows: pd.DataFrame, system_prompt: str) -> pd.DataFrame:
    named = set(answers_in(system_prompt))
    fits = rows["answers"].map(lambda answers: set(split_answers(answers)) == named)
    if not fits.any():
        raise EmptyDataError(
            f"The prompt allows {', '.join(sorted(named))}, and no row has that answer set. End it as the data's "
            "prompts do: Only reply with positive, neutral, or negative."
        )
    system = rows["system_prompt"].where(~fits, system_prompt)
    return rows.assign(system_prompt=system, prompt=_prompts(system, rows["text"]))


def _prompts(system_prompts: pd.Series, texts: pd.Series) -> list[str]:
    return [build_prompt(system, text) for system, text in zip(system_prompts, texts, strict=True)]


def _other_prompt(path: str) -> Rival:
    file = typed_path(path, UsageError, "file", "Give a text file with a system prompt.")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The system prompt {path} cannot be read. Give a text file in UTF-8.") from error
    if not text or len(text) > LONGEST_PROMPT:
        raise UsageError(f"A system prompt has 1 to {LONGEST_PROMPT:,} characters; {path} has {len(text):,}.")
    if not answers_in(text):
        raise UsageError(
            f"The prompt in {path} names no label. End it: Only reply with positive, neutral, or negative."
        )
    key = f"prompt-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Rival(key, f"base model with the prompt of {file.name}", system_prompt=text)


def _judged(run: Run, on: str, key: str, title: str, table: pd.DataFrame, classes: int = 3) -> JudgedRival:
    _, tuned = judged_pair(run, on)
    taught = taught_rows(run)
    overlap = None if taught.rows is None else overlap_with_training(taught.rows, tuned)
    known = Known(overlap=overlap, flagged=flagged_rows(run, tuned["row_id"], on), unknown_training=taught.gaps)
    verdict = judge(table, tuned, (title, TUNED), classes, known)
    return JudgedRival(key, title, evaluate_predictions(table, classes), verdict)


def _title(about: Path, key: str) -> str:
    try:
        return _About.model_validate(read_json(about)).title
    except (OSError, ValueError):
        return key
