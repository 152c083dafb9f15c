"""What figures say, in plain sentences that name n and the interval."""

from collections.abc import Iterable, Mapping, Sequence

from finsent.metrics.figures import Difference, Pieces, PriorPieces, ReferenceFigures
from finsent.metrics.reference_models import BAG_OF_WORDS, REFERENCE_TITLES
from finsent.metrics.statistics import rows_to_settle, show_p
from finsent.metrics.verdict import BASELINE, CHILD, FEW_ROWS, TUNED, Change, Verdict, Weighed, Without

#: What introduces an interval in a sentence for newcomers.
_INTERVAL = "95 % interval"
#: Of lines that cannot be used.
_LINES_SHOWN = 3
_FIGURES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "neutral_as_positive": "neutral called positive"}


def points(difference: Difference, interval: str = "95 %:") -> str:
    """Return a difference of shares in points with its interval, for example ``+3.1 points (95 %: +1.0 to +5.2)``.

    ``interval`` introduces the interval, if anything does. A difference over no rows is a dash.
    """
    if difference.value is None or difference.ci is None:
        return "–"
    low, high = (100 * end for end in difference.ci)
    opening = f"{interval} " if interval else ""
    return f"{100 * difference.value:+.1f} points ({opening}{low:+.1f} to {high:+.1f})"


def prior_sentences(pieces: PriorPieces) -> list[str]:
    """Return what ``calibration.prior_account`` says about accuracy and about neutral called positive."""
    return [
        *_piece_sentence("accuracy", pieces.accuracy, more_is_better=True),
        *_piece_sentence("share of neutral texts called positive", pieces.neutral_as_positive, more_is_better=False),
    ]


def reference_sentences(references: Mapping[str, ReferenceFigures] | None) -> list[tuple[bool, str]]:
    """Return, for each reference, whether the fine-tuned model is shown to be better, and the sentence about it."""
    return [_lead_sentence(REFERENCE_TITLES[name], figures.tuned_lead) for name, figures in (references or {}).items()]


def _piece_sentence(title: str, pieces: Pieces, more_is_better: bool) -> list[str]:
    total, prior = pieces.total.value, pieces.prior.value
    if total is None or prior is None:
        return []
    sentence = (
        f"Shifting the prior alone changes the baseline's {title} by {points(pieces.prior)}; the fine-tuned "
        f"model lies another {points(pieces.beyond)} from there, n = {pieces.total.n:,}."
    )
    wanted = total > 0 if more_is_better else total < 0
    if wanted and pieces.total.settled and 0 <= prior / total <= 1:
        sentence += f" So the shift explains {prior / total:.0%} of the change."
    return [sentence]


def _lead_sentence(title: str, lead: Difference) -> tuple[bool, str]:
    beats = lead.settled and (lead.value or 0) > 0
    if beats:
        opening = f"The fine-tuned model beats “{title}”"
    elif lead.settled:
        opening = f"The fine-tuned model loses to “{title}”"
    else:
        opening = f"The fine-tuned model can't be told apart from “{title}” on these rows"
    return beats, f"{opening}: accuracy {points(lead)}, n = {lead.n:,}."


def headline(verdict: Verdict) -> str:
    """Return the verdict in one sentence: the whole of it, what it cost included, with its evidence."""
    rows = f"n = {verdict.n:,} test rows" + f" (below {FEW_ROWS}: a hint, no proof)" * verdict.few
    # Where accuracy is not settled, the opening names them.
    settled = verdict.kind != "unsettled"
    rose, fell = (", ".join(moved_figures(changes)) for changes in (verdict.better, verdict.worse))
    leaks = verdict.overlap.n if verdict.overlap is not None else 0
    parts = [
        f"{_opening(verdict)}: {_moved(verdict.accuracy)}, McNemar's exact test {show_p(verdict.test.p)}, {rows}.",
        f"Better: {rose}." if rose and verdict.kind == "worse" else "",
        f"Worse: {fell}." if fell and settled else "",
        f"{leaks:,} of these texts {_have(leaks)} a twin in training." if leaks else "",
    ]
    return " ".join(part for part in parts if part)


def moved_figures(changes: Iterable[Change]) -> list[str]:
    """Return the names of figures that moved, accuracy aside."""
    return [_figure(one) for one in changes if one.figure != "accuracy"]


def moved_words(better: Sequence[str], worse: Sequence[str]) -> str:
    """Return in which figures something is better and in which worse, for example ``worse in recall of neutral``."""
    parts = [f"{how} in {_and(figures)}" for how, figures in (("better", better), ("worse", worse)) if figures]
    return ", and ".join(parts)


def verdict_lines(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what the verdict rests on, as titles and sentences: flagged, better, worse, worth, how sure, rows."""
    fixed, broken = verdict.test.c, verdict.test.b
    lines = [
        ("Flagged", _flagged(verdict)),
        ("Better", _listed(f"{fixed:,} {'row was' if fixed == 1 else 'rows were'} fixed", verdict.better)),
        ("Worse", _listed(f"{broken:,} {'row' if broken == 1 else 'rows'} broke", verdict.worse)),
        ("Worth", _worth(verdict)),
        ("How sure", _sureness(verdict)),
        ("Rows", _rows(verdict)),
    ]
    return [(title, text) for title, text in lines if text]


def verdict_sentences(verdict: Verdict) -> list[str]:
    """Return the headline and the lines as plain sentences, one a line of a command's answer."""
    return [headline(verdict), *(f"{title}: {text}" for title, text in verdict_lines(verdict))]


def _opening(verdict: Verdict) -> str:
    return _said(verdict, verdict.first, verdict.second)


def _said(weighed: Weighed, first: str, second: str) -> str:
    """Return in words what two sides weigh beside one another."""
    own = (first, second) == (BASELINE, TUNED)
    who = "the fine-tuned one" if own else second
    # A sentence begins with it; a name that somebody gave stays as it is.
    second = second.capitalize() if second == CHILD else second
    better = "Fine-tuning helped" if own else f"{second} is better than {first}"
    worse = "Fine-tuning hurt" if own else f"{second} is worse than {first}"
    two = "The two models" if own else f"{second} and {first}"
    alike = f"{two} can't be told apart on these rows"
    if elsewhere := moved_words(moved_figures(weighed.better), moved_figures(weighed.worse)):
        alike = f"{two} can't be told apart in accuracy, but {who} is {elsewhere}"
    if weighed.kind == "better":
        reserve = ", at a price" if weighed.worse else ", with a reservation"
        return better + reserve * (weighed.tone == "mixed")
    return worse if weighed.kind == "worse" else alike


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _moved(change: Change, interval: str = _INTERVAL) -> str:
    """Return a change as its figure, both values and the difference."""
    values = " → ".join("–" if value is None else f"{value:.1%}" for value in (change.before, change.after))
    return f"{_figure(change)} {values}, {points(change.difference, interval)}"


def _have(n: int) -> str:
    return "has" if n == 1 else "have"


def _figure(change: Change) -> str:
    return _FIGURES.get(change.figure) or f"{change.figure} of {change.label}"


def _listed(rows: str, changes: list[Change]) -> str:
    told = [f"{_moved(one, '95 %:')}, n = {one.difference.n:,}" for one in changes if one.figure != "accuracy"]
    if not told:
        return f"{rows}; no class's recall or precision moved that way beyond its interval."
    return f"{rows}; {'; '.join(told)}."


def _worth(verdict: Verdict) -> str:
    parts = [] if verdict.prior is None else _piece_sentence("accuracy", verdict.prior, more_is_better=True)
    bag = verdict.bag_of_words
    if bag is not None:
        outcome = (
            "can't be told apart from"
            if not bag.lead.settled
            else ("beats" if (bag.lead.value or 0) > 0 else "loses to")
        )
        parts.append(
            f"It {outcome} a bag of words trained on the same rows ({REFERENCE_TITLES[BAG_OF_WORDS]}, accuracy "
            f"{bag.accuracy:.1%}): {points(bag.lead)}, n = {bag.lead.n:,}."
        )
    elif verdict.unknown_training and (verdict.first, verdict.second) == (BASELINE, TUNED):
        parts.append(
            "It is not held against a bag of words, which cannot be trained on the same rows: "
            f"{'; '.join(verdict.unknown_training)}."
        )
    return " ".join(parts)


def _sureness(verdict: Verdict) -> str:
    test = verdict.test
    parts = [
        f"Of {test.b + test.c:,} rows that only one of the two gets right, {verdict.second} has {test.c:,} and "
        f"{verdict.first} {test.b:,}."
    ]
    neutral = verdict.neutral_as_positive
    if neutral is not None and not neutral.difference.settled:
        parts.append(f"Not settled: {_moved(neutral, '95 %:')}, n = {neutral.difference.n:,} neutral rows.")
    if verdict.kind == "unsettled":
        parts.append(_to_settle(verdict))
    if verdict.runs == 1:
        parts.append("This is one run: training luck (another seed) moves these figures, too, and is in no interval.")
    else:
        parts.append(f"The intervals are over the rows and over the training luck of {verdict.runs} seeds.")
    return " ".join(part for part in parts if part)


def _to_settle(weighed: Weighed) -> str:
    needed = rows_to_settle(weighed.test.b, weighed.test.c, weighed.n)
    if weighed.test.b == weighed.test.c == 0:
        return "No row tells the two apart, so no number of rows is foreseen to settle it."
    if needed is None:
        return "Each gets as many rows right that the other misses, so no number of rows is foreseen to settle it."
    if needed <= weighed.n:
        return ""
    return f"If the difference stays as it is, about {needed:,} test rows would settle it (80 % power)."


def _rows(verdict: Verdict) -> str:
    overlap = verdict.overlap
    parts = []
    if overlap is not None and overlap.n == 0:
        parts.append(f"None of the {overlap.of:,} texts has a twin among the training texts.")
    if overlap is not None and overlap.n:
        parts.append(
            f"{overlap.n:,} of {overlap.of:,} texts {_have(overlap.n)} a twin among the training texts "
            f"({overlap.same:,} the same, {overlap.other_digits:,} but for digits, {overlap.near:,} nearly), "
            "and figures on them flatter."
        )
    if verdict.unknown_training:
        some = "some" if overlap is None else "more"
        unknown = "; ".join(verdict.unknown_training)
        parts.append(f"Not all training texts are known ({unknown}): {some} of these texts may have a twin.")
    trained = _without(verdict, "trained on")
    return " ".join([*parts, *([_rest(trained)] if trained else [])])


def _flagged(verdict: Verdict) -> str:
    """Return how many rows have a doubted label, and the verdict with and without them; "" where none has.

    Lines of the file of corrections that cannot be used are told of, too.
    """
    parts = [_doubted(verdict), _unusable(verdict.unusable_flags)]
    return " ".join(part for part in parts if part)


def _doubted(verdict: Verdict) -> str:
    without = _without(verdict, "flagged")
    if without is None:
        return ""
    one = without.left_out == 1
    found = f"{without.left_out:,} of {verdict.n:,} test rows {'has' if one else 'have'} a label flagged as doubtful."
    them = "it" if one else "them"
    if without.rest is None:
        return f"{found} Without {them} no row is left, so the verdict rests on labels that are doubted."
    rest = _said(without.rest, verdict.first, verdict.second)
    return (
        f"{found} With {them}: {_opening(verdict)}, {_evidence(verdict)}. "
        f"Without {them}: {rest}, {_evidence(without.rest)}."
    )


def _unusable(lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    more = f" And {len(lines) - _LINES_SHOWN:,} more." if len(lines) > _LINES_SHOWN else ""
    counted = (
        "One line of corrections.csv cannot be used and flags"
        if len(lines) == 1
        else f"{len(lines):,} lines of corrections.csv cannot be used and flag"
    )
    return f"{counted} nothing. {' '.join(lines[:_LINES_SHOWN])}{more}"


def _without(verdict: Verdict, why: str) -> Without | None:
    return next((one for one in verdict.without if one.why == why), None)


def _rest(without: Without) -> str:
    if without.rest is None:
        return "Without them no row is left, so nothing here says how the models do on new texts."
    return f"Without them: {_evidence(without.rest)}."


def _evidence(weighed: Weighed) -> str:
    return f"{_moved(weighed.accuracy, '95 %:')}, {show_p(weighed.test.p)}, n = {weighed.n:,}"
