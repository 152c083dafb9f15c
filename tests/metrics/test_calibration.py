"""Prior correction, reliability and Brier score, checked against scikit-learn, statsmodels and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss
from statsmodels.stats.weightstats import DescrStatsW

from finsent.errors import EmptyDataError
from finsent.inference.predictions import LOGP_COLUMNS, answer_probabilities, label_predictions
from finsent.labels import FIVE_LABELS, TO_THREE
from finsent.metrics.calibration import (
    Calibration,
    apply_calibration,
    brier_difference,
    brier_mean,
    brier_scores,
    calibration_error,
    fit_calibration,
    prior_account,
    reliability_table,
)
from finsent.metrics.classification import on_test_split
from finsent.metrics.figures import Mean
from finsent.metrics.statistics import wilson_bounds
from tests.predictions import made_pair, made_predictions

OFFSETS = {"negative": 0.9, "bearish": -0.4, "neutral": 0.0, "bullish": 1.3, "positive": -1.1}


def splits_of(*tables: pd.DataFrame) -> tuple[tuple[pd.DataFrame, ...], tuple[pd.DataFrame, ...]]:
    """The test rows and the validation rows of both models."""
    return tuple(
        tuple(table[table["split"] == split].reset_index(drop=True) for table in tables)
        for split in ("test", "validation")
    )


def planted(n: int, temperature: float, seed: int = 0) -> pd.DataFrame:
    """Rows whose gold labels are drawn from a model's probabilities once offsets and temperature are applied."""
    random = np.random.default_rng([seed, 1])
    rows = made_pair(n, seed)[0]
    true = apply_calibration(rows, Calibration(OFFSETS, temperature, 0))
    shares = np.nan_to_num(answer_probabilities(true))
    drawn = (shares.cumsum(axis=1) > random.random(n)[:, None]).argmax(axis=1)
    return rows.assign(label=np.array(FIVE_LABELS)[drawn])


def test_planted_offsets_and_temperature_are_found_again():
    found = fit_calibration(planted(40_000, temperature=0.7))
    assert found.n == 40_000
    assert found.temperature == pytest.approx(0.7, abs=0.03)
    assert found.offsets == pytest.approx(OFFSETS, abs=0.08)
    assert found.offsets["neutral"] == 0


def test_a_fitted_model_gives_each_label_as_often_as_it_occurs():
    rows = made_pair(3_000, seed=2)[0]
    fitted = apply_calibration(rows, fit_calibration(rows))
    given = np.nanmean(np.nan_to_num(answer_probabilities(fitted)), axis=0)
    occurs = [(rows["label"] == label).mean() for label in FIVE_LABELS]
    assert given == pytest.approx(occurs, abs=1e-3)


def test_offsets_move_labels_and_a_temperature_does_not():
    rows = made_pair(400, seed=3)[1]
    cooler = apply_calibration(rows, Calibration(dict.fromkeys(FIVE_LABELS, 0.0), 3.0, 0))
    assert (cooler["predicted"] == rows["predicted"]).all()
    assert (cooler["confidence"] < rows["confidence"]).all()
    leaning = apply_calibration(rows, Calibration(dict.fromkeys(FIVE_LABELS, 0.0) | {"neutral": 50.0}, 1.0, 0))
    assert set(leaning["predicted"]) == {"neutral"}


def test_corrected_log_probabilities_by_hand():
    row = made_predictions(["neutral"], ["positive"], confidence=0.8)
    corrected = apply_calibration(row, Calibration(dict.fromkeys(FIVE_LABELS, 0.0) | {"positive": -np.log(16)}, 1.0, 0))
    # 0.8 / 16 = 0.05 beside 0.1 and 0.1.
    assert np.exp(corrected[["logp_negative", "logp_neutral", "logp_positive"]].iloc[0].to_numpy(float)) == (
        pytest.approx([0.4, 0.4, 0.2])
    )
    assert corrected["logp_bullish"].isna().all()


def test_few_validation_rows_are_refused_with_what_to_do():
    with pytest.raises(EmptyDataError, match="validation_rows"):
        fit_calibration(made_pair(12)[0])


def test_the_account_uses_validation_rows_to_fit_and_test_rows_to_judge():
    baseline, tuned = made_pair(900, seed=4, validation=300)
    account = prior_account(*splits_of(baseline, tuned))
    assert account.validation_n == 300
    fitted = fit_calibration(baseline[baseline["split"] == "validation"])
    assert account.baseline.offsets == fitted.offsets
    corrected = apply_calibration(on_test_split(baseline), fitted)
    gold = corrected["label"].map(TO_THREE)
    assert account.baseline.n == 600
    assert account.baseline.accuracy == accuracy_score(gold, corrected["predicted"].map(TO_THREE))

    relabelled = tuned.assign(label=np.where(tuned["split"] == "test", "neutral", tuned["label"]))
    other = prior_account(*splits_of(baseline, relabelled))
    assert other.tuned.offsets == account.tuned.offsets


@pytest.mark.parametrize("name", ["accuracy", "neutral_as_positive"])
@pytest.mark.parametrize("classes", [3, 5])
def test_the_pieces_add_up(name: str, classes: int):
    baseline, tuned = made_pair(900, seed=5, validation=300)
    account = prior_account(*splits_of(baseline, tuned), classes)
    pieces = getattr(account.pieces, name)
    assert pieces.prior.value + pieces.beyond.value == pytest.approx(pieces.total.value)
    assert pieces.baseline + pieces.prior.value == pytest.approx(getattr(account.baseline, name))
    low, high = pieces.prior.ci
    assert low < pieces.prior.value < high


def test_a_mere_shift_of_the_prior_is_seen_as_one():
    """The tuned model is the baseline with offsets; correcting the baseline must explain all of the change."""
    baseline, _ = made_pair(4_000, seed=6, validation=2_000)
    tuned = apply_calibration(baseline, fit_calibration(baseline[baseline["split"] == "validation"]))
    pieces = prior_account(*splits_of(baseline, tuned)).pieces.accuracy
    assert pieces.total.value > 0.05
    assert pieces.prior.value == pytest.approx(pieces.total.value)
    assert pieces.beyond.value == 0


def test_brier_scores_agree_with_scikit_learn():
    baseline, tuned = made_pair(500, seed=7)
    for table in (baseline, tuned):
        probabilities = np.nan_to_num(answer_probabilities(table))
        expected = brier_score_loss(table["label"], probabilities[:, np.argsort(FIVE_LABELS)], scale_by_half=False)
        figure = brier_mean(brier_scores(table))
        assert figure.value == pytest.approx(expected)
        # With many rows the interval is nearly that of the t distribution, a little inwards of it.
        assert figure.ci == pytest.approx(DescrStatsW(brier_scores(table)).tconfint_mean(), abs=2e-3)
    change = brier_difference(brier_scores(baseline), brier_scores(tuned))
    assert change.value == pytest.approx(brier_scores(tuned).mean() - brier_scores(baseline).mean())
    assert change.ci == pytest.approx(
        DescrStatsW(brier_scores(tuned) - brier_scores(baseline)).tconfint_mean(), abs=2e-3
    )


def test_a_brier_score_of_certain_answers_is_twice_a_share():
    """Its variance is estimated with n - 1, and so it is Wilson's interval of a share of n - 1 rows."""
    figure = brier_mean(np.array([0.0] * 27 + [2.0] * 3))
    assert figure.value == pytest.approx(0.2)
    assert figure.ci == pytest.approx([2 * bound for bound in wilson_bounds(2.9, 29)])
    assert brier_mean(np.array([])) == Mean(None, None, 0)
    assert brier_mean(np.zeros(5)) == Mean(0.0, None, 5)


def test_brier_score_by_hand():
    row = made_predictions(["neutral"], ["positive"], confidence=0.8)
    assert brier_scores(row) == pytest.approx([0.8**2 + 0.1**2 + 0.9**2])
    assert brier_mean(brier_scores(row)).ci is None


def test_reliability_agrees_with_scikit_learn():
    table = made_pair(2_000, seed=8)[1]
    reliability = reliability_table(table)
    right = table["predicted"] == table["label"]
    accuracy, confidence = calibration_curve(right, table["confidence"], n_bins=10)
    assert reliability["accuracy"].to_numpy() == pytest.approx(accuracy)
    assert reliability["confidence"].to_numpy() == pytest.approx(confidence)
    assert reliability["n"].sum() == 2_000
    assert (reliability["low"] <= reliability["accuracy"]).all()
    assert (reliability["accuracy"] <= reliability["high"]).all()
    expected = sum(
        abs(right[inside].mean() - table["confidence"][inside].mean()) * inside.mean()
        for _, low, high in reliability[["confidence low", "confidence high"]].itertuples()
        if (inside := table["confidence"].between(low, high, inclusive="left" if high < 1 else "both")).any()
    )
    assert calibration_error(reliability) == pytest.approx(expected)


def test_certain_and_even_predictions_have_a_place():
    table = label_predictions(
        made_predictions(["neutral", "neutral"], ["neutral", "positive"]),
        pd.DataFrame([[-1e3, np.nan, 0.0, np.nan, -1e3], [0.0, np.nan, 0.0, np.nan, 0.0]], columns=LOGP_COLUMNS),
    )
    reliability = reliability_table(table)
    assert reliability[["confidence low", "n"]].to_numpy().tolist() == [
        [pytest.approx(0.3), 1],
        [pytest.approx(0.9), 1],
    ]
