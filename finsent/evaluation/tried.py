"""What if: a text, the edits that rules suggest, and a visitor's own, answered by both models beside one another."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from finsent.evaluation.classifier import Answer, Classified, Classifier
from finsent.evaluation.edits import OWN_EDIT, Edit, change_in_words, suggested_edits
from finsent.inference.scoring import Report
from finsent.labels import NEWS_ANSWERS


@dataclass(frozen=True)
class Tried:
    """An edit and both models' answers to it."""

    edit: Edit
    result: Classified


def try_edits(
    classifier: Classifier,
    text: str,
    own: tuple[str, ...] = (),
    answers: tuple[str, ...] = NEWS_ANSWERS,
    report: Report | None = None,
) -> tuple[Classified, list[Tried]]:
    """Return the models' answers to a text, and to each edit of it: one's own first, then those that rules suggest.

    Raises:
        EmptyDataError: a text is empty or too long.
    """
    edits = edits_of(text, own)
    first, *rest = classifier.classify([text, *(edit.text for edit in edits)], answers, report, share=True)
    return first, [Tried(edit, result) for edit, result in zip(edits, rest, strict=True)]


def edits_of(text: str, own: tuple[str, ...] = ()) -> list[Edit]:
    """Return the edits of a text: one's own first, then those that rules suggest."""
    return [*(Edit(OWN_EDIT, one.strip()) for one in own), *suggested_edits(text.strip())]


def tried_table(original: Classified, tried: list[Tried]) -> pd.DataFrame:
    """Return one row an edit: ``rule, expects, change, edit``, and of each model its answer and whether as expected.

    ``change`` is in a few words. Columns of the models: ``baseline, baseline sure, baseline as expected`` and the same
    of ``fine-tuned``. What is expected follows from the model's own answer to the text itself; where nothing does,
    ``as expected`` is empty.
    """
    rows = []
    for one in tried:
        row: dict[str, Any] = {"rule": one.edit.rule.name, "expects": one.edit.rule.expects}
        row |= {"change": change_in_words(original.text, one.edit.text), "edit": one.edit.text}
        row |= _answer("baseline", one.edit, original.baseline, one.result.baseline)
        if original.tuned is not None and one.result.tuned is not None:
            row |= _answer("fine-tuned", one.edit, original.tuned, one.result.tuned)
        rows.append(row)
    return pd.DataFrame(rows)


def _answer(model: str, edit: Edit, before: Answer, after: Answer) -> dict[str, Any]:
    foreseen = edit.rule.expected(before.label)
    fits = "" if foreseen is None else "yes" if edit.rule.kept_to(before.label, after.label) else "no"
    return {model: after.label, f"{model} sure": after.probabilities[after.label], f"{model} as expected": fits}
