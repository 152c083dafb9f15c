"""Several models at once, checked against statsmodels called directly."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar
from statsmodels.stats.multitest import multipletests

from finsent.errors import RunError
from finsent.labels import TO_THREE
from finsent.metrics.several import common_rows, compare_models
from tests.predictions import made_pair


def test_cochran_and_the_corrected_pairs_agree_with_statsmodels():
    first, second = made_pair(300, seed=1)
    _, third = made_pair(300, seed=1, gain=0.6)
    tables = {"first": first, "second": second, "third": third}
    result = compare_models(tables)
    right = {
        name: (table["label"].map(TO_THREE) == table["predicted"].map(TO_THREE)).to_numpy()
        for name, table in tables.items()
    }
    expected = cochrans_q(np.column_stack(list(right.values())).astype(int))
    assert (result.q, result.p) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    pairs = [("first", "second"), ("first", "third"), ("second", "third")]
    assert [(pair.first, pair.second) for pair in result.pairs] == pairs
    raw = []
    for one, other in pairs:
        table = [
            [(right[one] & right[other]).sum(), (right[one] & ~right[other]).sum()],
            [(~right[one] & right[other]).sum(), (~right[one] & ~right[other]).sum()],
        ]
        raw.append(mcnemar(table, exact=True).pvalue)
    assert [pair.p for pair in result.pairs] == pytest.approx(raw)
    assert [pair.p_holm for pair in result.pairs] == pytest.approx(multipletests(raw, method="holm")[1])
    assert result.pairs[0].difference.value == pytest.approx(right["second"].mean() - right["first"].mean())
    assert result.models["third"].accuracy == pytest.approx(right["third"].mean())
    assert result.n == 300


def test_only_rows_that_all_share_are_compared():
    first, second = made_pair(100, seed=2)
    part = second.iloc[::-1].head(40)
    shared = common_rows({"first": first, "part": part})
    assert shared["first"]["row_id"].tolist() == shared["part"]["row_id"].tolist()
    assert len(shared["part"]) == 40
    assert shared["part"].set_index("row_id").loc[part["row_id"], "confidence"].tolist() == part["confidence"].tolist()
    relabelled = second.assign(label=first["label"].map({"neutral": "positive"}).fillna("neutral"))
    with pytest.raises(RunError, match="same rows"):
        common_rows({"first": first, "other": relabelled})
