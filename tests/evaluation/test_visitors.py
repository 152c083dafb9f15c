"""Many visitors at once: every answer is the one given alone, and none is lost."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import LAB

TEXTS = [json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[:60]]


@pytest.mark.security("Twenty visitors ask at once, twenty headlines each", "Each has the answers that it has alone")
def test_twenty_visitors_with_twenty_headlines_each_have_the_answers_that_they_have_alone(both_models):
    asked = [[TEXTS[(visitor + 2 * number) % len(TEXTS)] for number in range(20)] for visitor in range(20)]
    alone = {one.text: one for one in both_models.classify(TEXTS)}
    with ThreadPoolExecutor(20) as visitors:
        given = list(visitors.map(both_models.classify, asked))
    for texts, answers in zip(asked, given, strict=True):
        assert [answer.text for answer in answers] == texts
        for answer in answers:
            for model in ("baseline", "tuned"):
                expected = getattr(alone[answer.text], model).probabilities
                assert getattr(answer, model).probabilities == pytest.approx(expected, abs=1e-4)
