"""Sentences that read figures out, against figures given by hand."""

from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.figures import Difference, Interval, McNemar, Pieces, PriorPieces, ReferenceFigures
from finsent.metrics.wording import points, prior_sentences, reference_sentences
from tests.predictions import twelve


def change(value: float, low: float, high: float, n: int = 200) -> Difference:
    return Difference(value, Interval(low, high), n)


def reference(lead: Difference) -> ReferenceFigures:
    return ReferenceFigures(**vars(evaluate_predictions(twelve()[0])), tuned_lead=lead, mcnemar=McNemar(1, 2, 0.5))


def test_points_and_whether_they_are_settled():
    assert points(change(0.031, 0.01, 0.052)) == "+3.1 points (95 %: +1.0 to +5.2)"
    assert points(change(-0.5, -0.6, -0.4)) == "-50.0 points (95 %: -60.0 to -40.0)"
    assert points(change(0.031, 0.01, 0.052), "95 % interval") == "+3.1 points (95 % interval +1.0 to +5.2)"
    assert points(change(0.031, 0.01, 0.052), "") == "+3.1 points (+1.0 to +5.2)"
    assert points(Difference(None, None, 0)) == "–"
    assert change(0.03, 0.01, 0.05).settled and change(-0.03, -0.05, -0.01).settled
    assert not change(0.03, -0.01, 0.05).settled


def test_the_share_that_the_prior_explains_is_named_where_there_is_one():
    gain = Pieces(0.3, prior=change(0.1, 0.05, 0.15), beyond=change(0.3, 0.2, 0.4), total=change(0.4, 0.3, 0.5))
    loss = Pieces(0.8, prior=change(0.1, 0.0, 0.2), beyond=change(-0.3, -0.4, -0.2), total=change(-0.2, -0.3, -0.1))
    first, second = prior_sentences(PriorPieces(gain, gain))
    assert first.endswith("n = 200. So the shift explains 25% of the change.")
    assert "explains" not in second, "more neutral texts called positive is no gain to explain"
    assert "explains" not in prior_sentences(PriorPieces(loss, gain))[0]
    none = Difference(None, None, 0)
    assert len(prior_sentences(PriorPieces(gain, Pieces(None, none, none, none)))) == 1


def test_losing_to_a_reference_is_said():
    references = {
        "majority": reference(change(0.2, 0.1, 0.3)),
        "tfidf_logreg": reference(change(-0.1, -0.2, -0.05)),
    }
    (beats, first), (loses, second) = reference_sentences(references)
    assert beats and first.startswith("The fine-tuned model beats “most frequent label”: accuracy +20.0 points")
    assert not loses and second.startswith("The fine-tuned model loses to “tf-idf + logistic regression”")
    ((even, third),) = reference_sentences({"majority": reference(change(0.1, -0.1, 0.3))})
    assert not even and "can't be told apart" in third
    assert reference_sentences(None) == []
