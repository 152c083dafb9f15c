"""What figures say, in plain sentences that name n and the interval."""

from typing import Any

from finsent.references import REFERENCE_TITLES


def points(difference: dict[str, Any]) -> str:
    """Return a difference of shares in points with its interval, for example ``+3.1 points (95 %: +1.0 to +5.2)``."""
    low, high = (100 * end for end in difference["ci"])
    return f"{100 * difference['value']:+.1f} points (95 %: {low:+.1f} to {high:+.1f})"


def settled(difference: dict[str, Any]) -> bool:
    """Whether a difference's interval leaves 0 out."""
    low, high = difference["ci"]
    return low > 0 or high < 0


def prior_sentences(account: dict[str, Any]) -> list[str]:
    """Return what :func:`finsent.calibration.prior_account` says about accuracy and about neutral called positive."""
    sentences = []
    titles = {"accuracy": "accuracy", "neutral_as_positive": "share of neutral texts called positive"}
    for name, title in titles.items():
        pieces = account["pieces"][name]
        if pieces["baseline"] is None:
            continue
        sentence = (
            f"Shifting the prior alone changes the baseline's {title} by {points(pieces['prior'])}; the fine-tuned "
            f"model lies another {points(pieces['beyond'])} from there, n = {pieces['total']['n']:,}."
        )
        total, prior = pieces["total"]["value"], pieces["prior"]["value"]
        wanted = total > 0 if name == "accuracy" else total < 0
        if wanted and settled(pieces["total"]) and 0 <= prior / total <= 1:
            sentence += f" So the shift explains {prior / total:.0%} of the change."
        sentences.append(sentence)
    return sentences


def reference_sentences(evaluation: dict[str, Any]) -> list[tuple[bool, str]]:
    """Return, for each reference, whether the fine-tuned model is shown to be better, and the sentence about it."""
    sentences = []
    for name, figures in (evaluation["reference"] or {}).items():
        lead, title = figures["tuned_lead"], REFERENCE_TITLES[name]
        beats = settled(lead) and lead["value"] > 0
        if beats:
            opening = f"The fine-tuned model beats “{title}”"
        elif settled(lead):
            opening = f"The fine-tuned model loses to “{title}”"
        else:
            opening = f"The fine-tuned model can't be told apart from “{title}” on these rows"
        sentences.append((beats, f"{opening}: accuracy {points(lead)}, n = {lead['n']:,}."))
    return sentences
