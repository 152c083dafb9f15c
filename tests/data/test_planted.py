"""Planted leaks in a corpus of real sentences: all exact and conflicting ones are found, and nearly all near ones."""

import random

import pandas as pd
import pytest

from finsent.data.checks import LEAKS, find_issues
from finsent.data.dataset import load_data, split_rows
from finsent.data.near import near_texts
from finsent.data.splits import SPLITS
from finsent.data.twins import normalise, twin_groups
from finsent.labels import TO_THREE, split_answers
from tests.conftest import shared_data

EACH = 20


def changed(text, kind, chance):
    """Return a text as somebody copies it nearly: another number, word, case, mark, a word more, less or moved."""
    words = text.split()
    place = chance.randrange(len(words))
    if kind == 0:
        return " ".join([*words[:place], "reportedly", *words[place:]])
    if kind == 1:
        return " ".join([*words[:place], *words[place + 1 :]])
    if kind == 2:
        return " ".join([*words[:place], "altogether", *words[place + 1 :]])
    if kind == 3:
        return "RT " + text.upper().rstrip(" .") + " !!"
    return " ".join([*words[1:], words[0]])


@pytest.fixture(scope="module")
def planted():
    """Rows of the corpus without a twin, and 20 copies each: exact, near, of another label; what was planted."""
    folder = shared_data("sujet_like")
    rows = split_rows(load_data(str(folder)).rows)
    groups = pd.Series(twin_groups(rows), rows.index)
    alone = rows[~groups.duplicated(keep=False) & rows["text"].str.split().str.len().ge(9)]
    clean = alone.reset_index(drop=True)
    chance = random.Random(3)
    train = clean[clean["split"] == "train"]
    chosen = train.sample(3 * EACH, random_state=2).reset_index(drop=True)
    copies = chosen.assign(row_id=[f"planted-{number}" for number in range(3 * EACH)], split="test")
    for place in range(EACH, 2 * EACH):
        copies.loc[place, "text"] = changed(copies.loc[place, "text"], place % 5, chance)
    for place in range(2 * EACH, 3 * EACH):
        labels = split_answers(copies.loc[place, "answers"])
        other = [label for label in labels if TO_THREE[label] != TO_THREE[copies.loc[place, "label"]]]
        copies.loc[place, "label"] = chance.choice(other)
    return pd.concat([clean, copies], ignore_index=True), chosen, copies


def ids(rows, title):
    return next((set(finding.row_ids) for finding in find_issues(rows) if finding.title == title), set())


def test_what_was_planted_is_found_and_little_else(planted):
    rows, chosen, copies = planted
    exact, near, conflicting = (set(copies["row_id"][start : start + EACH]) for start in (0, EACH, 2 * EACH))
    originals = dict(zip(copies["row_id"], chosen["row_id"], strict=True))
    findings = {finding.title: finding for finding in find_issues(rows)}
    assert set(findings["Repeated texts"].row_ids) == {
        one for row in exact | conflicting for one in (row, originals[row])
    }
    assert set(findings["Conflicting labels"].row_ids) == {one for row in conflicting for one in (row, originals[row])}
    leaks = findings[LEAKS]
    found = set(leaks.row_ids)
    assert exact | conflicting <= found
    assert len(near & found) >= 0.95 * EACH
    assert len(found & set(copies["row_id"])) >= 0.95 * leaks.n
    beside = dict(zip(leaks.row_ids, leaks.twins, strict=True))
    assert all(beside[row] == originals[row] for row in found & set(copies["row_id"]))
    assert len(set(findings["Nearly repeated texts"].row_ids) & near) >= 0.95 * EACH


def test_a_grouped_split_keeps_twins_together(planted):
    rows, _, _ = planted
    plain = rows.drop(columns="split")
    assert ids(split_rows(plain), LEAKS)
    grouped = split_rows(plain, grouped=True)
    assert not ids(grouped, LEAKS)
    shares = grouped["split"].value_counts(normalize=True)
    assert [round(shares[split], 2) for split in SPLITS] == [0.8, 0.1, 0.1]
    some = plain.tail(500)
    first, again, other = (split_rows(some, seed, grouped=True)["split"].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_near_texts_of_a_corpus_are_those_that_comparing_each_pair_finds(planted):
    texts = list(normalise(planted[0]["text"].tail(700), digits=False).unique())
    sets = [set(text.split()) for text in texts]
    pairs = {
        (one, other)
        for place, one in enumerate(texts)
        for number, other in enumerate(texts)
        if number > place and len(sets[place] & sets[number]) >= 0.8 * len(sets[place] | sets[number])
    }
    near = near_texts(texts)
    assert set(zip(near.texts[near.one], near.texts[near.other], strict=True)) == pairs
