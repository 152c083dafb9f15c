"""Files that are small on the disk and large once they are read: refused by what they say of themselves."""

import io
import resource
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finsent.data.dataset import load_data, load_upload
from finsent.data.parquet import unpacked_bytes
from finsent.data.reading import read_table
from finsent.errors import EncodingError, TooLargeError, UsageError
from finsent.limits import BYTES, CELLS, NESTING, ROWS, check_json

GOOD = "text,label\nA contract was signed,positive\n"


def parquet(table):
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def repeated(value, rows):
    return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int8()).fill_null(0), [value])


def rows_bomb():
    return parquet(pa.table({"text": repeated("a", 100_000_000), "label": repeated("neutral", 100_000_000)}))


def value_bomb():
    return parquet(pa.table({"text": repeated("a" * 1_000_000, 1_900_000), "label": repeated("neutral", 1_900_000)}))


def nested_bomb():
    lists = pa.ListArray.from_arrays(pa.array([0, 1_900_000], pa.int32()), repeated("a" * 1_000_000, 1_900_000))
    return parquet(pa.table({"text": ["a"], "label": ["neutral"], "more": lists}))


def wide_bomb():
    return parquet(pa.table({f"c{number}": repeated("a", 1_000_000) for number in range(40)}))


def arrow(table):
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return stream.getvalue()


def nothing_bomb():
    return arrow(pa.table({"text": pa.nulls(100_000_000), "label": pa.nulls(100_000_000)}))


def cells_bomb():
    lists = pa.ListArray.from_arrays(pa.array([0, 40_000_000], pa.int32()), pa.nulls(40_000_000))
    return arrow(pa.table({"text": ["a"], "label": ["b"], "more": lists}))


def arrow_value_bomb():
    return arrow(pa.table({"text": repeated("a" * 1_000_000, 1_900_000), "label": repeated("neutral", 1_900_000)}))


def zeros_bomb():
    return arrow(pa.table({"text": ["a"], "label": ["b"], "more": [bytes(2**30 + 1)]}))


BOMBS = {
    "a hundred million rows": (rows_bomb, "FINSENT_MAX_ROWS"),
    "a long value named two million times": (value_bomb, "FINSENT_MAX_BYTES"),
    "a long value named two million times in one cell": (nested_bomb, "FINSENT_MAX_BYTES"),
    "forty columns of a million rows": (wide_bomb, "FINSENT_MAX_CELLS"),
    "an Arrow file of a hundred million rows of nothing": (nothing_bomb, "FINSENT_MAX_ROWS"),
    "an Arrow file of forty million values in a cell": (cells_bomb, "FINSENT_MAX_CELLS"),
    "an Arrow file of a long value named two million times": (arrow_value_bomb, "FINSENT_MAX_BYTES"),
    "an Arrow file of a gigabyte of zeros": (zeros_bomb, "FINSENT_MAX_BYTES"),
}

READ = """
import resource, sys
from pathlib import Path
import pyarrow.parquet, pyarrow.compute
from finsent.data.reading import read_table
from finsent.errors import TooLargeError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_table(Path(sys.argv[1]))
except TooLargeError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.security(
    "a parquet or Arrow file that unpacks to gigabytes", "refused by its metadata, within 100 MB of memory"
)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_parquet_bomb_is_refused_and_nothing_of_it_unpacked(bomb, tmp_path):
    make, variable = BOMBS[bomb]
    file = tmp_path / "bomb.parquet"
    file.write_bytes(make())
    assert file.stat().st_size < 1_000_000
    limit = 6 * 2**30
    read = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert read.returncode == 0, read.stderr
    words, megabytes = read.stdout.strip().splitlines()
    assert variable in words
    assert int(megabytes) < 100


@pytest.mark.security("an upload that unpacks to gigabytes", "refused in words")
def test_an_upload_is_checked_as_a_file_is():
    with pytest.raises(TooLargeError, match=r"news.parquet has 100,000,000 rows, and the limit is 2,000,000"):
        load_upload(rows_bomb(), "news.parquet")


@pytest.mark.security(
    "CSV and JSON lines with more rows or cells than a data set has", "refused before a table is made"
)
@pytest.mark.parametrize(
    ("limit", "name", "content"),
    [
        (ROWS, "a.csv", "text,label\n" + "a,neutral\n" * 30),
        (ROWS, "a.csv", "text,label\r" + "a,neutral\r" * 30),
        (CELLS, "a.csv", "text,label\n" + "a,neutral" + "," * 40),
        (CELLS, "a.json", "[" + '{"a":[]},' * 30 + '{"a":[]}]'),
        (CELLS, "a.jsonl", '{"a":1}\n' * 30),
        (BYTES, "a.csv", GOOD),
        (BYTES, "a.json", '[{"text": "a long text", "label": "neutral"}]'),
    ],
)
def test_text_that_is_too_large_is_refused_and_a_setting_raises_the_limit(limit, name, content, monkeypatch):
    monkeypatch.setenv(limit.variable, "25")
    with pytest.raises(TooLargeError, match=limit.variable):
        read_table(io.BytesIO(content.encode()), name)
    monkeypatch.setenv(limit.variable, "1000")
    try:
        assert len(read_table(io.BytesIO(content.encode()), name))
    except EncodingError:
        assert name == "a.csv" and "," * 40 in content


@pytest.mark.security("a file larger than the limit", "refused by its size, without reading it")
def test_a_large_file_is_not_even_read(tmp_path):
    file = tmp_path / "large.csv"
    with file.open("wb") as sparse:
        sparse.truncate(50 * 2**30)
    with pytest.raises(TooLargeError, match="FINSENT_MAX_BYTES"):
        load_data(str(file))


@pytest.mark.security("JSON nested a hundred or a hundred thousand levels deep", "refused in words")
@pytest.mark.parametrize("depth", [40, 900, 100_000])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_that_nests_too_deeply_is_refused(depth, name, monkeypatch):
    content = '{"text": "a", "label": "neutral", "more": ' + "[" * depth + "]" * depth + "}"
    content = f"[{content}]" if name == "a.json" else content
    with pytest.raises(TooLargeError, match="FINSENT_MAX_NESTING"):
        read_table(io.BytesIO(content.encode()), name)
    if depth == 40:
        monkeypatch.setenv(NESTING.variable, "50")
        assert len(read_table(io.BytesIO(content.encode()), name)) == 1


def test_brackets_in_texts_are_no_nesting():
    text = "[" * 500 + '\\"' + "{" * 500 + "\\\\"
    check_json(f'[{{"text": "{text}", "label": "neutral"}}]'.encode(), "a.json")


@pytest.mark.security("a string that nobody closes, full of escaped quotes", "looked through once, within a second")
def test_a_string_without_an_end_takes_no_time():
    check_json(b'"' + b'\\"' * 5_000_000, "a.json")


@pytest.mark.security("a folder whose files are too large together", "refused in words")
def test_the_files_of_a_folder_count_together(tmp_path, monkeypatch):
    for number in range(4):
        (tmp_path / f"{number}.csv").write_text("text,label\n" + "a,neutral\n" * 10)
    monkeypatch.setenv(ROWS.variable, "25")
    with pytest.raises(TooLargeError, match="has 30 rows"):
        load_data(str(tmp_path))


@pytest.mark.parametrize("given", ["0", "-1", "many", "1e9", "²"])
def test_a_limit_that_is_none_is_said(given, monkeypatch):
    monkeypatch.setenv(ROWS.variable, given)
    with pytest.raises(UsageError, match="FINSENT_MAX_ROWS must be a number from 1 on"):
        read_table(io.BytesIO(GOOD.encode()), "a.csv")


def test_a_parquet_file_as_people_have_them_is_read_as_before(tmp_path):
    table = pd.DataFrame({"text": ["a" * 20_000, "b"] * 50_000, "label": ["neutral", "positive"] * 50_000})
    table["tags"] = [["x", "y"], []] * 50_000
    table.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet"), pd.read_parquet(tmp_path / "a.parquet"))


def test_string_views_count_as_what_they_name():
    texts = pa.array(["a long text that is no part of its view"] * 5 + ["short", None], pa.string_view())
    assert unpacked_bytes(texts) == 5 * 39 + 5
    assert unpacked_bytes(texts[4:]) == 39 + 5
