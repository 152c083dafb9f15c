"""A data set of the model hub as a table: which part of it is meant, asked where it is not clear, and its rows."""

from dataclasses import replace
from typing import Any, Literal

import pandas as pd
from tqdm import tqdm

from finsent.data.choices import Choices
from finsent.data.folder import read_files
from finsent.data.formats.raw import RawTable
from finsent.data.hub_set import HubSet, Part, find_set
from finsent.data.questions import Question
from finsent.data.splits import split_named
from finsent.errors import ColumnAskedError, UsageError
from finsent.sizes import size_words


def choose_part(found: HubSet, choices: Choices) -> Part:
    """Return the part of a data set that is meant.

    Without a choice it is the only configuration, or the default one, and all splits where each is called train,
    validation or test; else it is asked for.

    Raises:
        ColumnAskedError: it has to be chosen; the error has the question.
        UsageError: what was chosen is not there.
    """
    configuration = _chosen(
        found,
        choices,
        "configuration",
        list(found.parts),
        found.default or (next(iter(found.parts)) if len(found.parts) == 1 else None),
    )
    splits = found.parts[configuration]
    all_known = len(splits) > 1 and all(split_named(split) for split in splits)
    usual = "" if all_known else next(iter(splits)) if len(splits) == 1 else None
    return Part(found, configuration, _chosen(found, choices, "source_split", list(splits), usual, configuration))


def read_hub(source: str, choices: Choices, bar: "type[tqdm[Any]]" = tqdm) -> RawTable:
    """Return the rows of a data set of the hub that are meant, fetched where they are not here.

    Rows keep the split that the data set gives them where several are read. ``bar`` is the class of the progress bar.

    Raises:
        ColumnAskedError, UsageError: see :func:`choose_part`.
        HubUnreachableError, DiskFullError: the hub does not give it, or there is no room for it.
        DataError: it has nothing that finsent reads, or its files cannot be read.
    """
    part = choose_part(find_set(source), choices)
    folder = part.fetch(bar)
    raw = read_files({folder / file: split_named(split) for file, split in part.files.items()}, folder)
    facts = {"commit": part.found.commit, "configuration": part.configuration, "split": part.split or "all"}
    return replace(raw, name=part.found.repository, facts={**facts, **raw.facts})


def _chosen(
    found: HubSet,
    choices: Choices,
    kind: Literal["configuration", "source_split"],
    there: list[str],
    usual: str | None,
    configuration: str = "",
) -> str:
    """Return what is chosen of a kind, or else what is meant by itself."""
    said, what = getattr(choices, kind), kind.replace("source_", "")
    if said in there:
        return str(said)
    if said:
        raise UsageError(f"{found.repository} has no {what} “{said[:60]}”. It has: {', '.join(there)[:300]}.")
    if usual is not None:
        return usual
    option = f"--{kind.replace('_', '-')} NAME"
    question = Question(
        kind, f"Which {what} of {found.repository}?", _table(found, configuration), choices, tuple(there)
    )
    words = f"{found.repository} has several {what}s: {', '.join(there)[:300]}. Say which one: {option}."
    raise ColumnAskedError(words, question)


def _table(found: HubSet, configuration: str) -> pd.DataFrame:
    """Return what there is to choose from, with its size."""
    rows = [
        {"configuration": one, "split": split, "size": size_words(Part(found, one, split).bytes)}
        for one, splits in found.parts.items()
        for split in splits
        if configuration in ("", one)
    ]
    return pd.DataFrame(rows)
