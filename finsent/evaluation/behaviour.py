"""Behavioural tests: each rule's edits of a run's rows, and whether the models' answers are as the rule expects.

A rule that keeps the label is failed where the answer to the edit is another than that to the text itself, right or
wrong; one that flips or changes it, where the answer to the edit is not what follows from the text's gold label, so
that it applies to positive and negative texts alone. See :mod:`finsent.evaluation.edits`.
"""

import pandas as pd

from finsent.errors import EmptyDataError, RunStateError
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.edits import KEEP, RULES, Rule
from finsent.inference.predictions import MODELS
from finsent.inference.scoring import Report
from finsent.prompts import build_prompt
from finsent.runs.evaluated_sets import saved_pair
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run

SPLITS = ("test", "validation")


def run_behaviour(run: Run, split: str = "test", report: Report | None = None) -> pd.DataFrame:
    """Return what both models of a run make of each rule's edits of its test or validation rows; see :func:`behave`.

    Raises:
        RunStateError: the run has no adapter, or its rows were not answered yet.
        RunChangedError: its data or base model are not what they were.
        EmptyDataError: no rule applies to any of the rows.
    """
    if not run.has_comparison or not run.has_adapter:
        raise RunStateError(
            f"Run {run.id} is {run.state}: its adapter or its answers are missing. Choose a run that is done."
        )
    own = prepare_again(run)
    rows = own.test if split == "test" else own.validation
    answers = [table.set_index("row_id")["predicted"] for table in saved_pair(run)]
    rows = rows[rows["row_id"].isin(answers[0].index)].reset_index(drop=True)
    given = {model: rows["row_id"].map(one) for model, one in zip(MODELS, answers, strict=True)}
    return behave(Classifier.of_run(run), rows.assign(**given), report)


def behave(classifier: Classifier, rows: pd.DataFrame, report: Report | None = None) -> pd.DataFrame:
    """Return one row a text and rule that applies to it.

    ``rows`` is a data table with the models' answers to the texts as they are, ``baseline`` and ``tuned``. Columns:
    ``row_id, rule, expects, gold, answers, text, edited``, and of both models ``<model>``, ``<model> edited`` (what
    they say) and ``<model> failed``. ``report(done, total)`` counts answers of both models.

    Raises:
        EmptyDataError: no rule applies.
    """
    edited = edited_rows(rows)
    if edited.empty:
        raise EmptyDataError("No rule applies to these texts. Add one to finsent/evaluation/edits.py.")

    def of_both(before: int) -> Report | None:
        return report and (lambda done, total: report(before * total + done, len(MODELS) * total))

    outcomes = edited[["row_id", "rule", "expects", "label", "answers", "original", "text"]]
    outcomes = outcomes.rename(columns={"label": "gold", "text": "edited", "original": "text"})
    rules = {rule.name: rule for rule in RULES}
    for number, model in enumerate(MODELS):
        answers = classifier.score(edited, model == "tuned", of_both(number), share=True)["predicted"].tolist()
        outcomes[model] = edited[model]
        outcomes[f"{model} edited"] = answers
        outcomes[f"{model} failed"] = [
            _failed(rules[row["rule"]], row["gold"], row[model], answer)
            for (_, row), answer in zip(outcomes.iterrows(), answers, strict=True)
        ]
    return outcomes


def failures(outcomes: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return the rows of :func:`behave` on which one of the models fails a rule, those of the tuned model first."""
    failed = outcomes[(outcomes["rule"] == rule) & (outcomes["baseline failed"] | outcomes["tuned failed"])]
    return failed.sort_values("tuned failed", ascending=False, kind="stable").reset_index(drop=True)


def edited_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that rules make of some: the text edited, with the columns ``rule, expects, original``."""
    made = []
    for rule in RULES:
        applies = rows if rule.expects == KEEP else rows[rows["label"].map(rule.expected).notna()]
        texts = applies["text"].map(rule.apply)
        part = applies[texts.notna()]
        if not part.empty:
            prompts = [build_prompt(*pair) for pair in zip(part["system_prompt"], texts[texts.notna()], strict=True)]
            made.append(
                part.assign(
                    original=part["text"],
                    text=texts[texts.notna()],
                    prompt=prompts,
                    rule=rule.name,
                    expects=rule.expects,
                )
            )
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame()


def _failed(rule: Rule, gold: str, before: str, after: str) -> bool:
    return not rule.kept_to(before if rule.expects == KEEP else gold, after)
