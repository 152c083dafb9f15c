"""Where data come from: the embedded file, the hub, a file or a folder, each as a table in the Sujet columns.

Nothing is validated here beyond what reading needs; :mod:`finsent.datasets` does that, the same way for all.
"""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.errors import (
    DataError,
    EmptyDataError,
    EncodingError,
    HubUnreachableError,
    MissingColumnError,
    SourceNotFoundError,
    first_line,
)
from finsent.labels import BEARISH, BULLISH, NEGATIVE, NEWS_ANSWERS, POSITIVE, POST_ANSWERS
from finsent.prompts import build_prompt, system_prompt_for
from finsent.world import hub_answers

EMBEDDED, HUB = "embedded", "hub"
HUB_DATASET = "sujet-ai/Sujet-Finance-Instruct-177k"
EMBEDDED_FILE = Path(__file__).parent / "data" / "lab_headlines.jsonl"
CARD_FILE = EMBEDDED_FILE.with_name("lab_headlines_card.md")
TASK = "sentiment_analysis"

SUJET_COLUMNS = ("inputs", "answer", "system_prompt", "user_prompt", "task_type", "dataset")
SIMPLE_COLUMNS = ("text", "label")
#: Kinds of file that are read, by suffix.
READERS = {".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
#: Only an empty cell is missing: a text may well read "NA" or "None".
_CSV_OPTIONS: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}


def embedded_table() -> pd.DataFrame:
    """Return the project's own headlines in the Sujet columns."""
    lines = EMBEDDED_FILE.read_text(encoding="utf-8").splitlines()
    table = pd.DataFrame([json.loads(line) for line in lines]).rename(columns={"kind": "topic", "id": "row_id"})
    return to_sujet(table.assign(dataset=table["family"].map({"news": "lab_news", "post": "lab_posts"})), "lab")


def hub_table() -> pd.DataFrame:
    """Return the hub's Sujet-Finance-Instruct-177k, all tasks.

    Raises:
        HubUnreachableError: the hub does not answer.
    """
    if not hub_answers():
        raise HubUnreachableError(
            f"{HUB_DATASET} is on the model hub, which does not answer. Check the network, give the path of a "
            f"downloaded copy, or choose the source “{EMBEDDED}”."
        )
    return load_hub_table(HUB_DATASET)


def load_hub_table(place: str, **options: Any) -> pd.DataFrame:
    """Return the train split of a data set on the hub, or of a local folder of the same shape.

    A local folder is read afresh each time and leaves nothing in the hub client's cache. ``options`` are those of
    the builder that ``load_dataset`` finds for the files.

    Raises:
        HubUnreachableError: the hub fails after all.
        DataError: what is there cannot be read as a data set.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    local = Path(place).is_dir()
    try:
        if not local:
            return load_dataset(place, split="train", **options).to_pandas()
        with tempfile.TemporaryDirectory(prefix="finsent-") as cache:
            return load_dataset(place, split="train", cache_dir=cache, **options).to_pandas()
    except (DatasetGenerationError, ValueError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, UnicodeDecodeError):
            raise EncodingError(f"{place} holds a file that is not UTF-8 text ({cause}). Save it as UTF-8.") from error
        raise DataError(f"{place} cannot be read as a data set ({first_line(cause)}).") from error
    except Exception as error:
        # The hub's client lets errors of its HTTP library through, which share no base class but this.
        if local:
            raise DataError(f"{place} cannot be read as a data set ({first_line(error)}).") from error
        raise HubUnreachableError(
            f"{place} could not be fetched from the model hub ({first_line(error)}). Try again, or choose the "
            f"source “{EMBEDDED}”."
        ) from error


def local_path(source: str) -> Path:
    """Return the path that a source names, ``~`` resolved; what is there is for :func:`local_table` to see.

    Raises:
        SourceNotFoundError: it is blank, or names the home folder of somebody unknown.
    """
    if not source.strip():
        raise SourceNotFoundError(f"The data source is blank. Give {EMBEDDED}, {HUB}, or a file or folder.")
    try:
        return Path(source).expanduser()
    except RuntimeError as error:
        raise SourceNotFoundError(f"There is no data at {source[:200]}: that home folder is unknown.") from error


def local_table(path: Path) -> pd.DataFrame:
    """Return a file, or a folder that is laid out as a data set on the hub, in the Sujet columns.

    Raises:
        SourceNotFoundError: there is nothing at that path that could be read.
        DataError: see :func:`read_table` and :func:`in_sujet_columns`.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        files = _files_below(path) if is_folder else []
    except OSError as error:
        raise SourceNotFoundError(f"{str(path)[:200]} cannot be opened ({error.strerror}).") from error
    if is_file:
        return in_sujet_columns(read_table(path), path.name, path.stem)
    if not is_folder:
        raise SourceNotFoundError(
            f"There is no data at {str(path)[:200]}. Give {EMBEDDED}, {HUB}, or a file or folder."
        )
    if not files:
        raise SourceNotFoundError(f"The folder {path} holds no {', '.join(READERS)} file.")
    csv_files = [file for file in files if file.suffix.lower() == ".csv"]
    for file in csv_files:
        # For its errors: load_dataset drops values where rows have more of them than the header.
        read_table(file)
    options = _CSV_OPTIONS if csv_files == files else {}
    # All of them, or load_dataset would leave out those whose names say test or validation; finsent splits by itself.
    every = {"train": [file.relative_to(path).as_posix() for file in files]}
    return in_sujet_columns(load_hub_table(str(path.resolve()), data_files=every, **options), path.name, path.name)


def _files_below(folder: Path) -> list[Path]:
    """Return the data files of a folder and its folders, hidden ones left out, in the order of their names."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in READERS)
    return sorted(file for file in files if not any(part[0] == "." for part in file.relative_to(folder).parts))


def read_table(file: Path | io.BytesIO, name: str | None = None) -> pd.DataFrame:
    """Return a .csv, .json, .jsonl or .parquet file as a table, all columns as they stand.

    ``name`` is what messages call it and what its kind is told by; a path's own name where it is not given.

    Raises:
        DataError: another kind of file, not UTF-8, empty, or not to be parsed.
    """
    name = name or str(file)
    suffix = Path(name).suffix.lower()
    kind = READERS.get(suffix)
    if kind is None:
        raise DataError(f"{name} is not a kind of file that can be read. Give one of: {', '.join(READERS)}.")
    try:
        table = _parse(file, kind, lines=suffix == ".jsonl")
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"{name} is not UTF-8 text (first at byte {error.start:,}). Save it as UTF-8 and try again."
        ) from error
    except pd.errors.EmptyDataError as error:
        raise EmptyDataError(f"{name} is empty. Give a file with the columns text,label.") from error
    except OSError as error:
        raise SourceNotFoundError(f"{name} cannot be opened ({error.strerror or first_line(error)}).") from error
    except (pd.errors.ParserError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise EncodingError(f"{name} cannot be read as {suffix[1:]} ({first_line(error)}).") from error
    if table.empty:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    return table


def in_sujet_columns(table: pd.DataFrame, name: str, dataset: str) -> pd.DataFrame:
    """Return a table as it is if it has the Sujet columns, else one with ``text,label`` brought into them.

    Raises:
        MissingColumnError: it has neither; the message names what is missing of the nearer of the two.
        EmptyDataError: a text or a label is empty.
    """
    simple = "inputs" not in table and any(column in table for column in SIMPLE_COLUMNS)
    looks_like_sujet = {"inputs", "answer", "user_prompt"} & set(table.columns) and not simple
    wanted = SUJET_COLUMNS if looks_like_sujet else SIMPLE_COLUMNS
    missing = [column for column in wanted if column not in table]
    if missing:
        raise MissingColumnError(
            f"{name} has no column {', '.join(missing)}. It needs either text,label or the Sujet columns "
            f"{', '.join(SUJET_COLUMNS)}; it has: {', '.join(map(str, table.columns))[:300]}."
        )
    if looks_like_sujet:
        return table
    refuse_empty(table, SIMPLE_COLUMNS, name)
    return to_sujet(table, dataset)


def to_sujet(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return a table with ``text,label`` (and perhaps ``family``, ``topic``, ``dataset``) in the Sujet columns.

    Market posts are rows labelled bearish or bullish, rows whose ``family`` is ``post``, and all rows of a table
    that has neither a positive nor a negative one. A ``system_prompt`` of a row's own goes before that.

    Raises:
        DataError: nothing says whether a neutral row is news or a post.
    """
    label = table["label"].astype(str).str.strip().str.lower()
    post, news = label.isin([BEARISH, BULLISH]), label.isin([POSITIVE, NEGATIVE])
    own = table.get("system_prompt", pd.Series("", index=table.index)).astype("string").fillna("")
    bare = own.str.strip() == ""
    if "family" in table:
        post |= table["family"].astype(str).eq("post")
    elif post.any() and not news.any():
        post[:] = True
    elif post.any() and (bare & ~post & ~news).any():
        # Taken for news, every neutral post would have a prompt that gives its label away.
        raise DataError(
            f"{dataset} has labels of news (positive, negative) and of posts (bearish, bullish), and a neutral row may "
            "be either. Add a column “family” that says news or post."
        )
    prompts = post.map({True: system_prompt_for(POST_ANSWERS), False: system_prompt_for(NEWS_ANSWERS)})
    prompts = prompts.where(bare, own)
    text = table["text"].astype(str)
    sujet = pd.DataFrame(
        {
            "inputs": [build_prompt(prompt, one) for prompt, one in zip(prompts, text, strict=True)],
            "answer": table["label"],
            "system_prompt": prompts,
            "user_prompt": text,
            "task_type": TASK,
            "dataset": table.get("dataset", dataset),
        }
    )
    for extra in ("topic", "row_id"):
        if extra in table:
            sujet[extra] = table[extra]
    return sujet


def refuse_empty(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Raise EmptyDataError where a cell of these columns is missing or blank; rows are counted from 1."""
    for column in columns:
        bad = table[column].isna() | table[column].astype(str).str.strip().eq("")
        if bad.any():
            raise EmptyDataError(
                f"{name}: {int(bad.sum()):,} of {len(table):,} rows have an empty {column}, the first is row "
                f"{int(bad.idxmax()) + 1:,}. Fill it or remove such rows."
            )


def _parse(file: Path | io.BytesIO, kind: str, lines: bool) -> pd.DataFrame:
    if kind == "parquet":
        return pd.read_parquet(file)
    content = (file.read_bytes() if isinstance(file, Path) else file.getvalue()).decode("utf-8-sig")
    if not content.strip():
        raise pd.errors.EmptyDataError
    if kind == "json":
        return pd.read_json(io.StringIO(content), lines=lines, dtype=False, convert_dates=False)
    table = pd.read_csv(io.StringIO(content), dtype=str, **_CSV_OPTIONS)
    if len(table) and not isinstance(table.index, pd.RangeIndex):
        # pandas takes the first value for a row name where rows have one more than the header.
        raise pd.errors.ParserError("rows have more values than the header; a text with a comma needs quotes around it")
    return table
