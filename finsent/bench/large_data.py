"""A data set of Sujet-Finance-Instruct-177k's size and layout, made of nothing but the embedded headlines' words.

Its texts are a walk from word to word as the headlines have them (a Markov chain of order 1), so that lengths and
frequencies of words are like theirs. It is for measuring speed and memory: what it says means nothing.
"""

import json
import random
from collections import defaultdict
from pathlib import Path

import pandas as pd

from finsent.data.sources import EMBEDDED_FILE
from finsent.data.sujet import TASK
from finsent.prompts import NEWS_SYSTEM_PROMPT, POST_SYSTEM_PROMPT, build_prompt

ROWS, SENTIMENT_ROWS = 177_597, 44_209
_OTHER_TASKS = ("qa", "qa_with_context", "topic_classification", "ner_sentiment_analysis", "yes_no_question")
_OTHER_PROMPT = "You are a financial expert. Answer the question about the given text."
_SOURCES = {"news": ("made_news", "made_headlines", "made_reports"), "post": ("made_posts", "made_tweets")}
#: Of so many texts one is written a second time, and one nearly so.
_REPEATED_EVERY = 50
_LONGEST = 40
_END = ""


def make_large(rows: int = ROWS, sentiment: int = SENTIMENT_ROWS, seed: int = 0) -> pd.DataFrame:
    """Return a table in the Sujet columns of so many rows, ``sentiment`` of them with a label; the same for a seed."""
    chance = random.Random(seed)
    lab = [json.loads(line) for line in EMBEDDED_FILE.read_text(encoding="utf-8").splitlines()]
    following = {family: _following(lab, family) for family in _SOURCES}
    labels = {family: [one["label"] for one in lab if one["family"] == family] for family in _SOURCES}
    prompts = {"news": NEWS_SYSTEM_PROMPT, "post": POST_SYSTEM_PROMPT}
    made: list[tuple[str, str, str, str, str]] = []
    for number in range(sentiment):
        family = "news" if chance.random() < 0.6 else "post"
        text = _text(following[family], chance)
        if number % _REPEATED_EVERY == 1:
            text = made[-1][2] if made[-1][0] == prompts[family] else text
        elif number % _REPEATED_EVERY == 2 and len(made[-1][2].split()) >= 8:
            text = made[-1][2].rpartition(" ")[0]
        made.append((prompts[family], chance.choice(labels[family]), text, TASK, chance.choice(_SOURCES[family])))
    pool = [one[2] for one in made]
    for _ in range(rows - sentiment):
        text = ". ".join(chance.choices(pool, k=chance.randint(2, 8)))
        made.append((_OTHER_PROMPT, chance.choice(pool), text, chance.choice(_OTHER_TASKS), "made_instructions"))
    chance.shuffle(made)
    table = pd.DataFrame(made, columns=["system_prompt", "answer", "user_prompt", "task_type", "dataset"])
    inputs = [
        build_prompt(system, text) for system, text in zip(table["system_prompt"], table["user_prompt"], strict=True)
    ]
    return table.assign(inputs=inputs, row_id=[str(number) for number in range(len(table))])


def write_large(path: Path, rows: int = ROWS, sentiment: int = SENTIMENT_ROWS) -> None:
    """Write :func:`make_large` as Parquet."""
    make_large(rows, sentiment).to_parquet(path, index=False)


def _following(lab: list[dict[str, str]], family: str) -> dict[str, list[str]]:
    words: dict[str, list[str]] = defaultdict(list)
    for one in lab:
        if one["family"] == family:
            said = [_END, *one["text"].split(), _END]
            for before, after in zip(said, said[1:], strict=False):
                words[before].append(after)
    return words


def _text(following: dict[str, list[str]], chance: random.Random) -> str:
    said: list[str] = []
    while len(said) < _LONGEST:
        word = chance.choice(following[said[-1] if said else _END])
        if word == _END:
            break
        said.append(word)
    return " ".join(said)
