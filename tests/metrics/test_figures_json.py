"""The JSON of figures: keys, shapes and values as they were when figures were dictionaries, and a way back."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finsent.errors import FiguresFormatError
from finsent.evaluation.in_proportion import full_evaluation
from finsent.metrics.classification import compare_predictions, evaluate_predictions
from finsent.metrics.evaluated import Evaluation
from finsent.metrics.figures import Comparison, Difference, Figures, Interval
from finsent.metrics.figures_json import from_json, to_json
from finsent.runs.taught import taught_by
from tests.predictions import made_pair, made_predictions, twelve

#: Written by the code of before, from the same tables.
GOLDEN = json.loads((Path(__file__).parent / "golden" / "evaluation.json").read_text(encoding="utf-8"))
TRAINING = pd.DataFrame(
    {
        "text": ["Made text a post", "Made text on news", "a post"],
        "label": ["bullish", "neutral", "bearish"],
        "row_id": ["a", "b", "c"],
    }
)
#: Keys that have come since.
ADDED = {"verdict", "unknown_training"}
#: The count of rows that a class's figure is over.
OVER = {"precision": "called", "recall": "support", "f1": "concerned"}


def figures_of(name: str) -> Any:
    if name == "twelve":
        return compare_predictions(*twelve())
    if name == "one_class":
        return evaluate_predictions(made_predictions(["positive"] * 3, ["positive", "neutral", "positive"]))
    if name == "without":
        return full_evaluation(made_pair(60, seed=4))
    if name == "written":
        return full_evaluation(tuple(table.assign(confidence=float("nan")) for table in made_pair(60, seed=4)))
    pair = made_pair(300, seed=3, validation=100)
    test, validation = (
        tuple(table[table["split"] == split].reset_index(drop=True) for table in pair)
        for split in ("test", "validation")
    )
    return full_evaluation(test, validation, taught_by(TRAINING), int(name[-1]))


def compare(before: Any, after: Any, width: float, path: str = "") -> None:
    """Check keys, their order, shapes and values; intervals are of another kind now and lie within ``width``."""
    key = path.rsplit(".", 1)[-1]
    if key == "overlap_with_training" and before is not None:
        # What counts as trained on is more than it was: nearly the same texts, too.
        assert (after["of"], after["n"]) >= (before["of"], before["n"])
        assert after["n"] == len(after["row_ids"]) == after["same"] + after["other_digits"] + after["near"]
    elif isinstance(before, dict):
        assert list(before) == [name for name in after if name not in ADDED], path
        for name in before:
            if name in OVER and f"{name}_ci" in before and before[OVER[name]] == 0:
                assert (before[name], after[name]) == (0.0, None), "over no rows a figure is null, and was zero"
            else:
                compare(before[name], after[name], width, f"{path}.{name}")
    elif isinstance(before, list) and (key == "ci" or key.endswith("_ci")):
        assert isinstance(after, list) and [type(end) for end in after] == [float, float], path
        assert after == pytest.approx(before, abs=width), path
    elif isinstance(before, list):
        assert len(before) == len(after), path
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            compare(one, other, width, f"{path}.{place}")
    else:
        assert type(before) is type(after), path
        assert before == (pytest.approx(after, rel=1e-9) if isinstance(after, float) else after), path


@pytest.mark.parametrize("name", GOLDEN)
def test_keys_shapes_and_values_are_those_of_before(name: str):
    width = {"one_class": 0.3, "twelve": 0.18}.get(name, 0.05)
    compare(GOLDEN[name], json.loads(json.dumps(to_json(figures_of(name)))), width)


@pytest.mark.parametrize(("name", "kind"), [("twelve", Comparison), ("one_class", Figures), ("full_5", Evaluation)])
def test_figures_come_back_from_json_as_they_were(name: str, kind: type):
    figures = figures_of(name)
    assert from_json(kind, json.loads(json.dumps(to_json(figures))), "a test") == figures


def test_figures_of_before_are_read(tmp_path: Path):
    assert from_json(Comparison, GOLDEN["twelve"], "a test").tuned.accuracy == pytest.approx(8 / 12)


def test_an_interval_is_a_pair_in_json_and_has_names_here():
    difference = from_json(Difference, {"value": 0.1, "ci": [-0.1, 0.3], "n": 5}, "a test")
    assert difference == Difference(0.1, Interval(low=-0.1, high=0.3), 5)
    assert not difference.settled and Difference(0.1, Interval(0.05, 0.3), 5).settled
    assert not Difference(None, None, 0).settled
    assert to_json(difference) == {"value": 0.1, "ci": [-0.1, 0.3], "n": 5}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"value": 0.1, "ci": None}, "n: field required"),
        ({"value": 0.1, "ci": None, "n": 5, "looks": 2}, "looks: unexpected keyword argument"),
        ({"value": 0.1, "ci": [0.1], "n": 5}, "ci.1: field required"),
        ({"value": 0.1, "ci": [0.1, 0.2, 0.3], "n": 5}, "ci"),
        ({"value": "much", "ci": None, "n": 5}, "value: input should be a valid number"),
    ],
)
def test_an_unknown_or_missing_key_is_named(values: dict[str, Any], said: str):
    with pytest.raises(FiguresFormatError, match=f"figures in evaluation.json .*: {said}"):
        from_json(Difference, values, "evaluation.json")
