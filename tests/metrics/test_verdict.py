"""The verdict on two models: gains and losses, its tone, what it is without rows that were trained on, in words."""

import numpy as np
import pandas as pd
import pytest

from finsent.data.corrections import Flags
from finsent.errors import EmptyDataError
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.figures import Overlap, ReferenceFigures
from finsent.metrics.statistics import mcnemar, paired_difference
from finsent.metrics.verdict import CHILD, FEW_ROWS, PARENT, Known, judge
from finsent.metrics.wording import headline, verdict_lines, verdict_sentences
from tests.predictions import made_predictions


def pair(b: int, c: int, both: int, neutral_fixed: int = 0):
    """Return tables in which b rows break, c are fixed and ``both`` stay right, all positive, and neutral ones mend."""
    gold = ["positive"] * (b + c + both) + ["neutral"] * neutral_fixed
    before = ["positive"] * b + ["negative"] * c + ["positive"] * both + ["positive"] * neutral_fixed
    after = ["negative"] * b + ["positive"] * c + ["positive"] * both + ["neutral"] * neutral_fixed
    return made_predictions(gold, before), made_predictions(gold, after)


def paid_for():
    """Return tables in which 60 neutral rows are fixed and 20 of 40 positive ones broken."""
    gold = ["neutral"] * 70 + ["positive"] * 40 + ["negative"] * 30
    before = ["positive"] * 60 + ["neutral"] * 10 + ["positive"] * 40 + ["negative"] * 30
    after = ["neutral"] * 70 + ["neutral"] * 20 + ["positive"] * 20 + ["negative"] * 30
    return made_predictions(gold, before), made_predictions(gold, after)


def text_of(verdict, title):
    return dict(verdict_lines(verdict))[title]


def moved(changes):
    return {(one.figure, one.label) for one in changes}


def trained_on(rows, ids):
    return Overlap(n=len(ids), same=len(ids), other_digits=0, near=0, of=rows, share=len(ids) / rows, row_ids=ids)


def test_a_clear_gain_is_called_one():
    judged = judge(*pair(b=0, c=30, both=64, neutral_fixed=20))
    assert (judged.tone, judged.kind, judged.worse) == ("good", "better", [])
    first = headline(judged)
    assert first.startswith("Fine-tuning helped: accuracy 56.1% → 100.0%, +43.9 points (95 % interval +35.1 to +53.0)")
    assert "p < 0.0001, n = 114 test rows." in first
    assert "neutral called positive 100.0% → 0.0%, -100.0 points" in text_of(judged, "Better")
    assert text_of(judged, "Worse").startswith("0 rows broke; no class")


def test_what_a_gain_was_paid_with_is_said_and_makes_it_mixed():
    judged = judge(*paid_for())
    assert (judged.tone, judged.kind) == ("mixed", "better")
    assert moved(judged.worse) == {("recall", "positive")}
    recall = judged.worse[0]
    assert (recall.before, recall.after, recall.difference.n) == (1.0, 0.5, 40)
    assert recall.p < 0.001
    assert headline(judged).startswith("Fine-tuning helped, at a price: ")
    assert headline(judged).endswith(" Worse: recall of positive.")
    worse = text_of(judged, "Worse")
    assert worse.startswith("20 rows broke; recall of positive 100.0% → 50.0%, -50.0 points (95 %: ")
    assert worse.endswith("n = 40.")


def test_what_was_gained_is_named_also_where_the_whole_is_not_settled():
    gold = ["neutral"] * 40 + ["positive"] * 40
    before, after = ["positive"] * 80, ["neutral"] * 80
    judged = judge(made_predictions(gold, before), made_predictions(gold, after))
    assert (judged.kind, judged.tone) == ("unsettled", "mixed")
    opening, _, evidence = headline(judged).partition(": ")
    assert opening == (
        "The two models can't be told apart in accuracy, but the fine-tuned one is better in neutral called positive "
        "and recall of neutral, and worse in recall of positive"
    )
    assert "Better" not in evidence and "Worse" not in evidence


def settled_elsewhere(worse):
    """Return tables of equal accuracy, the second of which has learnt to call texts neutral and forgotten negative."""
    gold = ["neutral"] * 40 + ["positive"] * 60
    one, other = ["neutral"] * 100, ["neutral"] * 30 + ["positive"] * 20 + ["neutral"] * 50
    before, after = (made_predictions(gold, answers) for answers in (one, other))
    return (before, after) if worse else (after, before)


def test_the_first_words_name_what_is_worse_where_accuracy_is_not_told_apart():
    judged = judge(*settled_elsewhere(worse=True), names=(PARENT, CHILD))
    assert (judged.kind, judged.tone) == ("unsettled", "mixed")
    opening = headline(judged).partition(": ")[0]
    assert opening.startswith("This run and its parent can't be told apart in accuracy, but this run is ")
    assert "worse in neutral called positive" in opening
    told = text_of(judge(*settled_elsewhere(worse=True), known=Known(flagged=Flags(("r99",)))), "Flagged")
    assert told.count("can't be told apart in accuracy, but the fine-tuned one is ") == 2


def test_a_class_whose_precision_fell_is_worse_with_recall_whole():
    gold = ["negative"] * 40 + ["neutral"] * 60
    before = ["negative"] * 40 + ["neutral"] * 60
    after = ["negative"] * 40 + ["negative"] * 40 + ["neutral"] * 20
    judged = judge(made_predictions(gold, before), made_predictions(gold, after))
    assert judged.tone == "bad"
    assert ("precision", "negative") in moved(judged.worse)
    assert ("recall", "negative") in moved(judged.steady)
    assert headline(judged).startswith("Fine-tuning hurt: accuracy 100.0% → 60.0%")


def test_a_difference_within_noise_is_not_called_one():
    judged = judge(*pair(b=8, c=12, both=80))
    assert (judged.tone, judged.kind) == ("none", "unsettled")
    assert "can't be told apart on these rows" in headline(judged)
    # Connor's sample size for discordant shares 0.08 and 0.12.
    assert "about 979 test rows would settle it (80 % power)" in text_of(judged, "How sure")
    assert "no number of rows" in text_of(judge(*pair(b=5, c=5, both=10)), "How sure")
    assert "No row tells the two apart" in text_of(judge(*pair(b=0, c=0, both=10)), "How sure")


def test_swapped_sides_give_the_opposite_verdict():
    one, other = paid_for()
    there, back = judge(one, other), judge(other, one)
    assert back.tone == "bad"
    assert moved(there.better) == moved(back.worse)
    assert moved(there.worse) == moved(back.better)


@pytest.mark.parametrize(("c", "few"), [(FEW_ROWS - 1, True), (FEW_ROWS, False)])
def test_few_rows_are_said_in_the_first_sentence(c, few):
    judged = judge(*pair(b=0, c=c, both=0))
    assert judged.few == few
    assert ("(below 50: a hint, no proof)" in headline(judged)) == few


def test_with_leaks_the_verdict_says_so_and_shows_itself_without_them():
    tables = pair(b=2, c=30, both=68)
    fixed = tables[0]["row_id"][2:32].tolist()
    judged = judge(*tables, known=Known(overlap=trained_on(100, fixed)))
    # All of the gain was on rows that were trained on.
    assert (judged.kind, judged.tone) == ("better", "mixed")
    assert headline(judged).startswith("Fine-tuning helped, with a reservation: ")
    assert headline(judged).endswith("30 of these texts have a twin in training.")
    (without,) = judged.without
    assert (without.why, without.left_out, without.rest.n, without.rest.kind) == ("trained on", 30, 70, "unsettled")
    rows = text_of(judged, "Rows")
    assert rows.startswith("30 of 100 texts have a twin among the training texts (30 the same, ")
    assert "Without them: accuracy 100.0% → 97.1%, -2.9 points" in rows and rows.endswith("n = 70.")
    one = text_of(judge(*tables, known=Known(overlap=trained_on(100, fixed[:1]))), "Rows")
    assert one.startswith("1 of 100 texts has a twin among the training texts (1 the same, ")
    clean = judge(*tables, known=Known(overlap=trained_on(100, [])))
    assert (clean.tone, clean.without) == ("mixed" if clean.worse else "good", [])
    assert text_of(clean, "Rows") == "None of the 100 texts has a twin among the training texts."


def test_rows_that_were_all_trained_on_prove_nothing():
    tables = pair(b=0, c=30, both=30)
    judged = judge(*tables, known=Known(overlap=trained_on(60, tables[0]["row_id"].tolist())))
    assert judged.tone == "mixed"
    assert judged.without[0].rest is None
    assert "nothing here says how the models do on new texts" in text_of(judged, "Rows")


def test_flagged_rows_are_counted_and_left_out_beside():
    tables = pair(b=0, c=40, both=40)
    judged = judge(*tables, known=Known(flagged=Flags(("r0", "r1", "no such row"))))
    assert [(one.why, one.left_out, one.rest.n) for one in judged.without] == [("flagged", 2, 78)]
    told = text_of(judged, "Flagged")
    assert told.startswith(
        "2 of 80 test rows have a label flagged as doubtful. With them: Fine-tuning helped, accuracy"
    )
    assert "n = 80. Without them: Fine-tuning helped, accuracy" in told
    assert told.endswith("n = 78.")
    assert "Rows" not in dict(verdict_lines(judged))


def test_one_flagged_row_all_of_them_and_none():
    tables = pair(b=0, c=30, both=30)
    one = text_of(judge(*tables, known=Known(flagged=Flags(("r0",)))), "Flagged")
    assert one.startswith("1 of 60 test rows has a label flagged as doubtful. With it: ")
    every = judge(*tables, known=Known(flagged=Flags(tuple(tables[0]["row_id"]))))
    assert every.tone == "mixed"
    assert text_of(every, "Flagged").endswith("no row is left, so the verdict rests on labels that are doubted.")
    assert "Flagged" not in dict(verdict_lines(judge(*tables)))


def test_a_gain_that_a_bag_of_words_beats_is_no_clean_gain():
    first, second = pair(b=0, c=30, both=40)
    gold = second.assign(predicted=second["label"])
    right = (second["label"] == second["predicted"]).to_numpy()
    for reference, tone, words in (
        (np.zeros(70, bool), "good", "beats"),
        (right, "good", "can't be told apart from"),
    ):
        bag = ReferenceFigures(
            **vars(evaluate_predictions(gold)),
            tuned_lead=paired_difference(reference, right),
            mcnemar=mcnemar(reference, right),
        )
        judged = judge(first, second, known=Known(bag_of_words=bag))
        assert judged.tone == tone
        assert f"It {words} a bag of words trained on the same rows" in text_of(judged, "Worth")
    worse = second.assign(predicted=["negative"] * 20 + second["predicted"].tolist()[20:])
    lead = paired_difference(np.ones(70, bool), (worse["label"] == worse["predicted"]).to_numpy())
    judged = judge(first, worse, known=Known(bag_of_words=ReferenceFigures(**{**vars(bag), "tuned_lead": lead})))
    assert "It loses to a bag of words" in text_of(judged, "Worth")
    assert judged.tone != "good"


def test_one_run_says_that_its_luck_is_in_no_interval():
    assert "training luck (another seed)" in text_of(judge(*pair(b=0, c=30, both=40)), "How sure")


def test_two_runs_are_called_by_their_names():
    judged = judge(*pair(b=0, c=30, both=40), names=("parent", "child"))
    assert headline(judged).startswith("child is better than parent: ")
    assert "child has 30 and parent 0." in text_of(judged, "How sure")
    assert len(verdict_sentences(judged)) == 1 + len(verdict_lines(judged))


def test_five_labels_have_their_own_classes():
    gold = ["bullish"] * 30 + ["positive"] * 30
    before, after = made_predictions(gold, gold), made_predictions(gold, ["bearish"] * 30 + ["positive"] * 30)
    assert ("recall", "bullish") in moved(judge(before, after, classes=5).worse)
    assert ("recall", "positive") in moved(judge(before, after, classes=3).worse)


def test_without_rows_there_is_no_verdict():
    nothing = pd.concat(pair(1, 1, 1)).head(0)
    with pytest.raises(EmptyDataError):
        judge(nothing, nothing)
