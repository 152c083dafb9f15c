"""Does the prompt, apart from its text, give the label away? Then a model learns the prompt and not the text.

It does where rows of one label have another system prompt than the rest, or where a column that is written into the
prompt goes with the label. What is left of each prompt without its text is its frame; how often the label can be told
from frames alone is compared with guessing the commonest label.
"""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from finsent.labels import TO_THREE

#: Shares of labels that frames tell beyond the commonest one, from which on a finding is made.
TELLS = 0.10
#: Rows that are looked at where nearly every frame is another.
_SAMPLE_ROWS = 5_000
#: A frame's label is given away where so many of its rows have it.
_NEARLY_ALL = 0.9
_SMALL = 10


@dataclass(frozen=True)
class GivenAway:
    """How often the label of ``n`` rows is told by the frame alone (``told``) and by the commonest label (``chance``).

    Labels are counted over three classes. ``frames`` counts
    the different frames, and ``rows`` marks the rows whose frame says nearly always the same label.
    """

    n: int
    frames: int
    told: float
    chance: float
    rows: pd.Series

    @property
    def found(self) -> bool:
        """Whether frames tell so much that figures on these rows mean little."""
        return self.told - self.chance >= TELLS


def gives_away(rows: pd.DataFrame) -> GivenAway:
    """Return how well the labels of a data table can be told from its prompts without their texts."""
    labels = rows["label"].map(TO_THREE)
    prompts, texts = (rows[name].to_numpy(object) for name in ("prompt", "text"))
    frames = pd.Series([prompt.replace(text, "\0", 1) for prompt, text in zip(prompts, texts, strict=True)], rows.index)
    counts = labels.value_counts()
    chance = float(counts.iloc[0] / len(rows))
    different = int(frames.nunique())
    if different == 1:
        return GivenAway(len(rows), 1, chance, chance, pd.Series(False, rows.index))
    if different > len(rows) / 2:
        return _by_words(frames, labels, chance, different)
    right, marked = 0, []
    for _, group in labels.groupby(frames):
        inside = Counter(group).most_common(2)
        first = inside[0][1]
        second = inside[1][1] if len(inside) > 1 else 0
        # In a small group a row decides what is common: it is guessed from the others, with one less of its label.
        small = len(group) < _SMALL
        right += first if not small or (first - 1 >= second and len(group) > 1) else 0
        if first >= _NEARLY_ALL * len(group) and first / len(group) > chance and len(group) > 1:
            marked += list(group.index)
    return GivenAway(len(rows), different, max(right / len(rows), chance), chance, rows.index.to_series().isin(marked))


def _by_words(frames: pd.Series, labels: pd.Series, chance: float, different: int) -> GivenAway:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.naive_bayes import BernoulliNB

    some = frames.sample(min(_SAMPLE_ROWS, len(frames)), random_state=0)
    words = CountVectorizer(binary=True, max_features=2_000, token_pattern=r"\w+").fit_transform(some)
    folds = KFold(5, shuffle=True, random_state=0)
    guessed = cross_val_predict(BernoulliNB(), words, labels[some.index], cv=folds)
    told = float((guessed == labels[some.index].to_numpy()).mean())
    return GivenAway(len(some), different, max(told, chance), chance, pd.Series(True, frames.index))
