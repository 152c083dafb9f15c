"""Twins of training texts, on sentences that are told apart by eye, and against comparing each pair."""

import numpy as np
import pandas as pd
import pytest

from finsent.data import near
from finsent.data.near import LEAST_ALIKE, near_texts
from finsent.data.twins import DIGITS, NEAR, SAME, find_twins, normalise

TRAINED = (
    "Operating profit of Vattu Steel rose to EUR 13.1 mn from EUR 8.7 mn in the third quarter",
    "Lyngdal Care bonds due 2030 to start trading Wednesday",
    "2030",
)


def rows(texts, prefix="r"):
    return pd.DataFrame({"row_id": [f"{prefix}{number}" for number in range(len(texts))], "text": list(texts)})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("LYNGDAL CARE: bonds due 2030 to start trading Wednesday! https://t.example/1", SAME),
        ("2030", SAME),
        ("Lyngdal Care bonds due 2031 to start trading Wednesday", DIGITS),
        ("Lyngdal Care bonds due 2030 to start trading on Wednesday", NEAR),
        ("Operating profit of Vattu Steel rose to EUR 9.9 mn from EUR 8.7 mn in the second quarter", NEAR),
        ("Lyngdal Care shares to start trading Wednesday", None),
        ("2031", None),
        ("…", None),
        ("", None),
    ],
)
def test_what_a_twin_is(text, kind):
    found = find_twins(rows(TRAINED, "t"), rows([text]))
    assert found["kind"].tolist() == [kind] * (kind is not None)


def test_the_closest_twin_is_named_and_the_order_kept():
    found = find_twins(rows(TRAINED, "t"), rows(["nothing like it", TRAINED[1].upper(), f"{TRAINED[0]}, it said"]))
    assert found.to_numpy().tolist() == [["r1", SAME, "t1"], ["r2", NEAR, "t0"]]


def test_without_rows_there_are_no_twins():
    assert find_twins(rows([]), rows(TRAINED)).empty
    assert find_twins(rows(TRAINED), rows([])).empty


def test_near_twins_are_those_that_comparing_each_pair_finds():
    random = np.random.default_rng(5)
    words = np.array([f"w{chr(97 + one % 26)}{chr(97 + one // 26)}" for one in range(60)])
    texts = [" ".join(random.choice(words, size=random.integers(1, 14))) for _ in range(250)]
    # Copies with one word more or another word, at the edge of what is near.
    texts += [f"{text} {random.choice(words)}" for text in texts[:100]]
    texts += [" ".join([*text.split()[1:], random.choice(words)]) for text in texts[:100]]
    random.shuffle(texts)
    trained, held_out = rows(texts[:300], "t"), rows(texts[300:])
    found = find_twins(trained, held_out).set_index("row_id")["kind"]
    sets = [set(text.split()) for text in trained["text"]]
    for row in held_out.itertuples():
        mine = set(row.text.split())
        best = max(len(mine & other) / len(mine | other) for other in sets)
        assert (row.row_id in found.index) == (best >= LEAST_ALIKE), (row.text, best)
    assert (found == NEAR).sum() > 30


def test_pairs_are_the_same_however_few_are_looked_at_at_a_time(monkeypatch):
    texts = [f"shares of {name} rose in early trade on monday after its report" for name in "abcdefghijklm"]
    texts += ["a", "b c", "nothing like the others at all", *texts]
    whole = near_texts(texts)
    assert len(whole.texts) == 16 and len(whole.one) == 13 * 12 / 2 and (whole.one < whole.other).all()
    monkeypatch.setattr(near, "_PROPOSED", 20)
    monkeypatch.setattr(near, "_DECIDED", 7)
    parts = near_texts(texts)
    assert set(zip(parts.one, parts.other, parts.alike, strict=True)) == set(
        zip(whole.one, whole.other, whole.alike, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "with_digits", "without"),
    [
        ("EUR 3.1 mn!", "eur 3 1 mn", "eur mn"),
        ("See https://t.co/abc?x=1 now", "see now", "see now"),
        ("Équipe  ÜBER_alles", "équipe über alles", "équipe über alles"),
        ("日本 2024", "日本 2024", "日本"),
        ("", "", ""),
    ],
)
def test_normalised_texts(text, with_digits, without):
    assert normalise(pd.Series([text])).item() == with_digits
    assert normalise(pd.Series([text]), digits=False).item() == without
