"""Sentences that read figures out, against figures given by hand."""

from finsent.sentences import points, prior_sentences, reference_sentences, settled


def change(value: float, low: float, high: float, n: int = 200) -> dict:
    return {"value": value, "ci": [low, high], "n": n}


def test_points_and_whether_they_are_settled():
    assert points(change(0.031, 0.01, 0.052)) == "+3.1 points (95 %: +1.0 to +5.2)"
    assert points(change(-0.5, -0.6, -0.4)) == "-50.0 points (95 %: -60.0 to -40.0)"
    assert settled(change(0.03, 0.01, 0.05)) and settled(change(-0.03, -0.05, -0.01))
    assert not settled(change(0.03, -0.01, 0.05))


def test_the_share_that_the_prior_explains_is_named_where_there_is_one():
    gain = {
        "baseline": 0.3,
        "prior": change(0.1, 0.05, 0.15),
        "beyond": change(0.3, 0.2, 0.4),
        "total": change(0.4, 0.3, 0.5),
    }
    loss = {
        "baseline": 0.8,
        "prior": change(0.1, 0.0, 0.2),
        "beyond": change(-0.3, -0.4, -0.2),
        "total": change(-0.2, -0.3, -0.1),
    }
    first, second = prior_sentences({"pieces": {"accuracy": gain, "neutral_as_positive": gain}})
    assert first.endswith("n = 200. So the shift explains 25% of the change.")
    assert "explains" not in second, "more neutral texts called positive is no gain to explain"
    assert "explains" not in prior_sentences({"pieces": {"accuracy": loss, "neutral_as_positive": gain}})[0]
    nothing = gain | {"baseline": None}
    assert len(prior_sentences({"pieces": {"accuracy": gain, "neutral_as_positive": nothing}})) == 1


def test_losing_to_a_reference_is_said():
    reference = {
        "majority": {"tuned_lead": change(0.2, 0.1, 0.3)},
        "tfidf_logreg": {"tuned_lead": change(-0.1, -0.2, -0.05)},
    }
    (beats, first), (loses, second) = reference_sentences({"reference": reference})
    assert beats and first.startswith("The fine-tuned model beats “most frequent label”: accuracy +20.0 points")
    assert not loses and second.startswith("The fine-tuned model loses to “tf-idf + logistic regression”")
    ((even, third),) = reference_sentences({"reference": {"majority": {"tuned_lead": change(0.1, -0.1, 0.3)}}})
    assert not even and "can't be told apart" in third
    assert reference_sentences({"reference": None}) == []
