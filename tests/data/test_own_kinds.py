"""Kinds of files beside those of test_reading.py, named in two tables: as people have them, and hostile ones.

Each is brought as an upload, read by its path, and given to the command line.
"""

import gzip
import io
import json
import os
import pickle
import socket
import sqlite3
import stat
import struct
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from finsent.cli.main import main
from finsent.data.bring import bring
from finsent.data.checks import find_issues
from finsent.data.choices import Choices
from finsent.data.dataset import load_data, load_upload, split_rows
from finsent.errors import (
    ColumnAskedError,
    DataError,
    FinsentError,
    LabelsAskedError,
    MissingColumnError,
    SourceNotFoundError,
)
from finsent.files import check_within_roots
from tests.data.test_reading import LABELS, OBJECTS, PLAIN, ROWS, TEXTS, lines, opendocument, parquet, repacked, table
from tests.data.test_reading import workbook as plain_workbook

HEAD = ("text", "label")
NAMES = [label for _, label in ROWS]
FEATURES = {"features": {"label": {"names": ["positive", "neutral", "negative"], "_type": "ClassLabel"}}}
SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def cell(row, column, value):
    place = f"{chr(65 + column)}{row}"
    if isinstance(value, tuple):
        formula, stored = value
        return f'<c r="{place}" t="str"><f>{formula}</f>{f"<v>{stored}</v>" if stored else ""}</c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>' if value else ""


def sheet(rows, merged=()):
    body = "".join(
        f'<row r="{r}">{"".join(cell(r, c, value) for c, value in enumerate(row))}</row>'
        for r, row in enumerate(rows, start=1)
    )
    ranges = "".join(f'<mergeCell ref="{one}"/>' for one in merged)
    merges = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{SPACE}"><sheetData>{body}</sheetData>{merges}</worksheet>'


def workbook(hidden="", **sheets):
    """An .xlsx whose sheets have these rows; a pair is a formula and the value that is stored of it."""
    content = plain_workbook(sheets=tuple(sheets))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    for number, rows in enumerate(sheets.values(), start=1):
        parts[f"xl/worksheets/sheet{number}.xml"] = rows if isinstance(rows, str) else sheet(rows)
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(f'"{hidden}" ', f'"{hidden}" state="hidden" ')
    return packed(parts)


def packed(parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def arrow(stream=False, kind=None, packed=None, **more):
    frame = pa.table({"text": pa.array(TEXTS, kind), "label": pa.array(NAMES, kind), **more})
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=packed)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, frame.schema, options=options) as writer:
        writer.write_table(frame, max_chunksize=11)
    return sink.getvalue()


def feather(**options):
    sink = io.BytesIO()
    PLAIN.to_feather(sink, **options)
    return sink.getvalue()


def saved_arrow():
    """A stream as the library datasets keeps it, with classes that have names."""
    numbers = [["positive", "neutral", "negative"].index(label) for label in NAMES]
    frame = pa.table({"text": TEXTS, "label": pa.array(numbers, pa.int64())})
    sink = io.BytesIO()
    frame = frame.replace_schema_metadata({"huggingface": json.dumps({"info": FEATURES})})
    with pa.ipc.new_stream(sink, frame.schema) as writer:
        writer.write_table(frame)
    return sink.getvalue()


def numpy_array():
    sink = io.BytesIO()
    np.save(sink, np.array(TEXTS))
    return sink.getvalue()


def class_labels():
    numbers = [["positive", "neutral", "negative"].index(label) for label in NAMES]
    frame = pa.table({"text": TEXTS, "label": pa.array(numbers, pa.int64())})
    sink = io.BytesIO()
    pq.write_table(frame.replace_schema_metadata({"huggingface": json.dumps({"info": FEATURES})}), sink)
    return sink.getvalue()


def typed_parquet(kind):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(TEXTS, kind), "label": pa.array(NAMES, kind)}), sink)
    return sink.getvalue()


def one_hot(yes="1", no="0"):
    return [(text, *(yes if label == one else no for one in LABELS)) for text, label in ROWS]


#: Three rows each have one label, in a merged cell.
THREES = [LABELS[n // 3 % 3] for n in range(30)]
MERGED = sheet(
    [HEAD, *[(text, THREES[n] if n % 3 == 0 else "") for n, text in enumerate(TEXTS)]],
    [f"B{n}:B{n + 2}" for n in range(2, 32, 3)],
)
TRAILING = b'<table:table-row table:number-rows-repeated="1048544"><table:table-cell/></table:table-row></table:table>'
CATS = lines({"text": t, "cats": {one: float(one == v) for one in LABELS}} for t, v in ROWS)
ACCEPTED = lines({"text": t, "accept": [v], "answer": "accept"} for t, v in ROWS)
VIEWER = {"features": [{"name": "text"}], "rows": [{"row_idx": n, "row": one} for n, one in enumerate(OBJECTS)]}
SCORED = [(*row, f"{n / 10}") for n, row in enumerate(ROWS)]

#: Files that people have: each gives the thirty rows, in their order, and says what was done.
PEOPLE = {
    "a title above the header of a workbook": ("a.xlsx", workbook(data=[("News of 2024",), (), HEAD, *ROWS]), "above"),
    "two remarks above the header of a workbook": (
        "a.xlsx", workbook(data=[("Report",), ("by", "us"), HEAD, *ROWS]), "first 2 rows are above its header"),
    "a title above a header of other names": (
        "a.csv", "Our news\n" + table(names=("Satz", "Ton")), "first row is above its header"),
    "remarks with # and commas": ("a.csv", "# made by a tool, version 2\n# 2024\n" + table(), "“# made by a tool"),
    "a sheet to read first": ("a.xlsx", workbook(about=[("See the sheet data.",)], data=[HEAD, *ROWS]), "“about”"),
    "a hidden sheet of codes": (
        "a.xlsx", workbook("codes", codes=[("text", "class"), ("x", "1")], data=[HEAD, *ROWS]), "“codes”"),
    "formulas with stored values": (
        "a.xlsx", workbook(data=[HEAD, *[((f"A{n}", t), v) for n, (t, v) in enumerate(ROWS)]]), ""),
    "an empty first column": ("a.xlsx", workbook(data=[("", *HEAD), *[("", *row) for row in ROWS]]), ""),
    "a million empty rows in OpenDocument": (
        "a.ods", repacked(opendocument(), "content.xml", b"</table:table>", TRAILING), ""),
    "a separator at the end of each row": ("a.csv", table().replace('"\n', '",\n'), "end in a separator"),
    "line ends written twice": ("a.csv", table().replace("\n", "\r\r\n"), ""),
    "line ends of an old Mac": ("a.csv", table().replace("\n", "\r"), ""),
    "thousands separators": ("a.csv", table(names=(*HEAD, "n"), rows=[(*row, "1,234,567") for row in ROWS]), ""),
    "tabs without quotes in a .csv": ("a.csv", table("\t", quote=""), ""),
    "bars without quotes in a .txt": ("a.txt", table("|", quote=""), ""),
    "JSON with a mark": ("a.json", b"\xef\xbb\xbf" + json.dumps(OBJECTS).encode(), ""),
    "JSON in UTF-16": ("a.json", json.dumps(OBJECTS).encode("utf-16"), "UTF-16"),
    "JSON lines with commas": ("a.jsonl", lines(OBJECTS).replace("}\n", "},\n"), ""),
    "JSON lines with blank ones": ("a.jsonl", lines(OBJECTS).replace("\n", "\n\n"), ""),
    "JSON with rows by name": ("a.json", json.dumps({f"id{n}": one for n, one in enumerate(OBJECTS)}), ""),
    "rows of the hub's viewer": ("a.json", json.dumps(VIEWER), ""),
    "spaCy's cats": ("a.jsonl", CATS, "which say 1 or 0"),
    "Prodigy's choices": ("a.jsonl", ACCEPTED, "Prodigy"),
    "fastText": ("a.txt", "".join(f"__label__{v} {t}\n" for t, v in ROWS), ""),
    "a column for each label": ("a.csv", table(names=("text", *LABELS), rows=one_hot()), "which say 1 or 0"),
    "a column of truth values for each label": (
        "a.csv", table(names=("text", *LABELS), rows=one_hot("TRUE", "FALSE")), "which say 1 or 0"),
    "a list of one label, as Python writes it": ("a.csv", table(rows=[(t, f"['{v}']") for t, v in ROWS]), ""),
    "labels in capitals with a hard space": ("a.csv", table(rows=[(t, f"{v.upper()}\u00a0") for t, v in ROWS]), ""),
    "scores beside the labels": (
        "a.csv", table(names=(*HEAD, "score"), rows=SCORED), "“score” could hold the labels, too"),
    "parquet of large strings": ("a.parquet", typed_parquet(pa.large_string()), ""),
    "parquet of string views": ("a.parquet", typed_parquet(pa.string_view()), ""),
    "parquet of dictionaries": ("a.parquet", typed_parquet(pa.dictionary(pa.int32(), pa.string())), ""),
    "parquet of classes with names": ("a.parquet", class_labels(), "0 = positive, 1 = neutral, 2 = negative"),
    "an Arrow file": ("a.arrow", arrow(), ""),
    "an Arrow stream": ("a.arrow", arrow(stream=True), ""),
    "an Arrow stream of another name": ("a.csv", arrow(stream=True), "holds Arrow"),
    "an Arrow file of dictionaries": ("a.arrow", arrow(kind=pa.dictionary(pa.int8(), pa.string())), ""),
    "an Arrow stream of string views": ("a.arrow", arrow(True, pa.string_view(), "zstd"), ""),
    "an Arrow file with lists and structures": (
        "a.arrow", arrow(lists=pa.array([[1, 2]] * 30), more=pa.array([{"a": "b"}] * 30)), ""),
    "an Arrow stream of classes with names": (
        "data-00000-of-00001.arrow", saved_arrow(), "0 = positive, 1 = neutral, 2 = negative"),
    "Feather as pandas writes it": ("a.feather", feather(), ""),
    "Feather with zstd": ("a.feather", feather(compression="zstd"), ""),
    "Feather without compression": ("a.feather.gz", gzip.compress(feather(compression="uncompressed")), ""),
    "parquet with an index of its own": ("a.parquet", parquet(PLAIN.set_index(pd.Index(range(7, 37)))), ""),
}  # fmt: skip


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode()


@pytest.mark.parametrize("kind", PEOPLE)
def test_more_files_as_people_have_them_give_the_same_rows(kind):
    name, content, said = PEOPLE[kind]
    choices = Choices(label_column="Ton") if "other names" in kind else Choices()
    data = load_upload(as_bytes(content), name, choices)
    assert data.rows["text"].tolist() == TEXTS and not data.refused
    assert data.rows["label"].tolist() == NAMES
    assert said in " ".join(data.notes)


def test_cells_that_are_merged_downwards_count_for_each_row():
    data = load_upload(workbook(data=MERGED), "a.xlsx")
    assert data.rows["label"].tolist() == THREES
    assert any("20 in all" in note for note in data.notes)


SHEETS = {
    "Train": [HEAD, *ROWS[:20]],
    "about": [("Our news",)],
    "val": [HEAD, *ROWS[20:24]],
    "test": [HEAD, *ROWS[24:]],
}


def test_sheets_that_are_called_after_splits_are_read_as_these():
    data = load_upload(workbook(**SHEETS), "a.xlsx")
    assert data.rows["text"].tolist() == TEXTS and data.rows["label"].tolist() == NAMES
    assert split_rows(data.rows)["split"].tolist() == ["train"] * 20 + ["validation"] * 4 + ["test"] * 6
    said = " ".join(data.notes)
    assert "train from “Train”; validation from “val”; test from “test”" in said
    assert "left out are “about”" in said
    assert "sheets “Train”, “val”, “test”" in dict(data.facts)["format"]


def test_a_row_that_is_refused_is_named_with_its_sheet():
    content = workbook(train=SHEETS["Train"], test=[HEAD, ROWS[0], ("", "neutral")])
    data = load_upload(content, "a.xlsx", Choices(leave_out=True))
    (refused,) = data.refused
    assert (refused.file, refused.where) == ("a.xlsx, sheet “test”", "row 3")


def test_sheets_of_splits_have_the_same_columns():
    with pytest.raises(DataError, match="its sheet “test” has the columns one, two"):
        load_upload(workbook(train=SHEETS["Train"], test=[("one", "two"), *ROWS]), "a.xlsx")


def test_sheets_that_say_no_train_split_are_read_as_ever():
    data = load_upload(workbook(test=[HEAD, *ROWS], notes=[("a",)]), "a.xlsx")
    assert len(data.rows) == 30 and set(split_rows(data.rows)["split"]) == {"train", "validation", "test"}


def renamed(names):
    return table(rows=[(text, names[LABELS.index(label)]) for text, label in ROWS])


#: Labels that only a person can explain: each is asked about, and settled by the answer.
ASKED = {
    "German": ("negativ", "neutral", "positiv"),
    "French": ("négatif", "neutre", "positif"),
    "Chinese": ("消极", "中性", "积极"),
    "Russian": ("отрицательный", "нейтральный", "положительный"),
    "faces": ("☹", "😐", "😀"),
    "advice": ("sell", "hold", "buy"),
    "directions": ("down", "flat", "up"),
    "signed numbers": ("-1", "0", "+1"),
    "numbers among words": ("0", "neutral", "positive"),
    "shares": ("80% negative", "80% neutral", "80% positive"),
    "letters": ("N", "O", "P"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_labels_of_another_kind_are_asked_about_and_none_is_lost(kind):
    names = ASKED[kind]
    content = renamed(names).encode()
    for leave_out in (False, True):
        with pytest.raises(LabelsAskedError) as raised:
            load_upload(content, "a.csv", Choices(leave_out=leave_out))
    assert {one.value: one.n for one in raised.value.question.values} == dict.fromkeys(names, 10)
    chosen = ",".join(f"{name}={label}" for name, label in zip(names, LABELS, strict=True))
    assert load_upload(content, "a.csv", Choices(labels=chosen)).rows["label"].tolist() == NAMES


def test_words_for_nothing_are_no_labels_of_another_kind():
    content = table(rows=[(t, v if n % 4 else "N/A") for n, (t, v) in enumerate(ROWS)])
    with pytest.raises(DataError, match="unknown label “N/A” .8"):
        load_upload(content.encode(), "a.csv")


def test_what_an_annotator_rejected_is_no_label():
    rows = lines(
        {"text": t, "label": v, "answer": "reject" if n % 5 == 0 else "accept"} for n, (t, v) in enumerate(ROWS)
    )
    with pytest.raises(DataError, match="6 of 30 rows are refused: no label"):
        load_upload(rows.encode(), "a.jsonl")


def test_of_shares_for_each_label_none_is_chosen():
    content = table(names=("text", *LABELS), rows=one_hot("0.8", "0.1")).encode()
    with pytest.raises(MissingColumnError, match="hold a number for each label.*not for finsent to decide"):
        load_upload(content, "a.csv")
    doubtful = table(
        names=("text", *LABELS), rows=[*one_hot(), ("a b", "1", "0", "1"), ("c d", "0", "0", "0")]
    ).encode()
    with pytest.raises(DataError, match="2 labels, not one.*no label .1: line 33"):
        load_upload(doubtful, "a.csv")


def test_formulas_that_nobody_has_computed_are_the_cause_that_is_named():
    content = workbook(data=[HEAD, *[((f"A{n}", ""), v) for n, (_, v) in enumerate(ROWS)]])
    with pytest.raises(DataError, match="no text .30.*30 of its formulas have no value stored"):
        load_upload(content, "a.xlsx")


def test_lines_of_two_encodings_are_not_read_as_one():
    mixed = table().replace("Oulu", "Jyväskylä")
    rest = table(names=()).replace("Oulu", "Jyväskylä").replace("bales", "boxes")
    with pytest.raises(DataError, match="30 of 60 rows are refused: the text holds bytes that are no UTF-8"):
        load_upload(mixed.encode() + rest.encode("cp1252"), "a.csv")


def test_letters_that_somebody_decoded_wrongly_are_a_finding():
    wrong = [
        text.replace("Oulu", "Jyväskylä’s").encode().decode("cp1252") if n < 4 else text for n, text in enumerate(TEXTS)
    ]
    data = load_upload(
        table(rows=[(text, label) for text, (_, label) in zip(wrong, ROWS, strict=True)]).encode(), "a.csv"
    )
    (found,) = [one for one in find_issues(split_rows(data.rows)) if "decoded wrongly" in one.title]
    assert found.n == 4
    right = load_upload(table().replace("Oulu", "Éire à São Paulo’s").encode(), "a.csv")
    assert not [one for one in find_issues(split_rows(right.rows)) if "decoded wrongly" in one.title]


def database():
    base = sqlite3.connect(":memory:")
    base.execute("create table news (text, label)")
    return base.serialize()


def lying_zip():
    """An archive that says of its table that it has ten bytes."""
    content = bytearray(packed({"a.csv": table()}))
    size = len(table()).to_bytes(4, "little")
    assert content.count(size) == 2
    return bytes(content).replace(size, (10).to_bytes(4, "little"))


def link_zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("a.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return stream.getvalue()


def encrypted(content):
    """The archive with the mark of encryption on each of its parts."""
    raw = bytearray(content)
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.find(magic)
        while start >= 0:
            raw[start + place] |= 1
            start = raw.find(magic, start + 4)
    return bytes(raw)


def entity(name):
    """A sheet with one text, an entity."""
    return sheet([HEAD, ("PLACE", "neutral")]).replace("PLACE", f"&{name};")


LAUGHS = "<!DOCTYPE x [" + '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(8)) + "]>"  # fmt: skip
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
PAGE = b"<html><body><table><tr><td>text</td></tr></table></body></html>"
OLD_XML = b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>'
DENIED = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>'

RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([30], pa.int32()), pa.array(["a"]))


def lying_arrow(says):
    """A compressed file whose longest buffer says that it unpacks to so many bytes."""
    plain = sum(len(text.encode()) for text in TEXTS)
    # The last offset says so, too, before the texts.
    before, _, after = feather(compression="zstd").rpartition(struct.pack("<q", plain))
    return before + struct.pack("<q", says) + after


#: Hostile files, each with a part of what is said of it.
HOSTILE = {
    "a pickle of protocol 2": ("a.csv", pickle.dumps(ROWS, 2), "can run code"),
    "a pickle of protocol 0": ("a.txt", b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.", "no column text|no rows"),
    "a packed pickle": ("a.pkl.gz", gzip.compress(pickle.dumps(ROWS)), "not a kind of file"),
    "an array of NumPy's": ("a.csv", numpy_array(), "NumPy"),
    "Feather of the first version": ("a.feather", b"FEA1" + bytes(40) + b"FEA1", "Feather file of version 1"),
    "separated text named .arrow": ("a.arrow", table().encode(), "its content is not Arrow"),
    "half an Arrow file": ("a.arrow", arrow()[:900], "as arrow|has no rows"),
    "an Arrow file with its middle overwritten": (
        "a.arrow", arrow()[:500] + b"\xff" * 400 + arrow()[900:], "as arrow|refused"),
    "an Arrow file that unpacks to more than it says": ("a.arrow", lying_arrow(1), "as arrow"),
    "an Arrow file that says it unpacks to exabytes": ("a.arrow", lying_arrow(2**60), "FINSENT_MAX_BYTES"),
    "an Arrow file with a run that repeats": ("a.arrow", arrow(runs=RUNS), "“runs” of Arrow's type run_end_encoded"),
    "an Arrow file whose texts are no UTF-8": ("a.arrow", arrow().replace(b"sold 3", b"sold \xff"), "as arrow"),
    "a database": ("a.db", database(), "a SQLite database"),
    "a Word document": ("a.csv", packed({"word/document.xml": "<x/>"}), "a Word document"),
    "a presentation": ("a.zip", packed({"ppt/presentation.xml": "<x/>"}), "a presentation"),
    "a document in RTF": ("a.txt", b"{\\rtf1\\ansi text,label\\par a,neutral}", "Rich Text"),
    "a web page with a table named .xls": ("a.xls", PAGE, "a web page with a table"),
    "a workbook in the XML of 2003": ("a.xls", OLD_XML, "Excel 2003's XML"),
    "an answer that denies access": ("a.csv", DENIED, "an XML document"),
    "a sentence of an error": ("a.csv", b"Invalid username or password.", "has no rows"),
    "an error as JSON": ("a.json", b'{"error": "not found", "message": "no such file"}', "no column label"),
    "separated text named .xlsx": ("a.xlsx", table().encode(), "its content is not a workbook"),
    "a zip that lies about its size": ("a.zip", lying_zip(), "cannot be unpacked"),
    "a zip with a link to /etc/passwd": ("a.zip", link_zip(), "has no rows"),
    "an encrypted zip": ("a.zip", encrypted(packed({"a.csv": table()})), "is encrypted"),
    "an encrypted workbook": ("a.xlsx", encrypted(workbook(data=[HEAD, *ROWS])), "is encrypted"),
    "a zip in a zip": ("a.zip", packed({"b.zip": packed({"a.csv": table()})}), "holds no table"),
    "a workbook of entities within entities": (
        "a.xlsx", workbook(data=LAUGHS + entity("i")), "no text|workbook"),
    "a workbook that names a file outside": (
        "a.xlsx", workbook(data=OUTSIDE + entity("e")), "no text|workbook"),
    "a number of five thousand digits": ("a.json", b'[{"text": "a b", "label": ' + b"9" * 5_000 + b"}]", "json"),
    "a number beyond all": ("a.json", b'[{"text": 1e999, "label": "neutral"}]', "numbers"),
    "a mark of UTF-16 before something else": ("a.csv", b"\xff\xfe\x00", "UTF-16"),
    "a parquet file whose end lies": ("a.parquet", parquet(PLAIN)[:-8] + b"\xff\xff\xff\x7fPAR1", "as parquet"),
    "a parquet file with its middle overwritten": (
        "a.parquet", parquet(PLAIN)[:8] + b"\xff" * 400 + parquet(PLAIN)[408:], "as parquet|refused"),
    "gzip with something else behind it": ("a.csv.gz", gzip.compress(table().encode()) + b"more" * 9, "unpacked"),
    "one line of two million characters": ("a.csv", b"text,label" + b"x" * 2_000_000, "has no rows"),
    "a header of three thousand columns": ("a.csv", b"column," * 3_000 + b"\n1\n", "COLUMNS"),
    "separators of nobody's": ("a.csv", table("^").encode(), "“text.label”; separate values by commas"),
    "columns of a fixed width": (
        "a.txt", "".join(f"{t:<70}{v}\n" for t, v in [HEAD, *ROWS]).encode(), "separate values"),
    "a name in HTML": ("<img src=x onerror=alert(1)>.csv", b"%PDF-1.7", "a PDF document"),
    "a name of control characters": ("a\x1b[2J\n.csv", b"%PDF-1.7", "a PDF document"),
    "half a character as a column": ("a.jsonl", b'{"\\ud800": "a b", "label": "neutral"}\n' * 3, "column"),
}  # fmt: skip


def test_there_are_forty_kinds_of_ones_own_and_thirty_of_them_are_hostile():
    assert len(PEOPLE) + len(ASKED) >= 40
    assert len(HOSTILE) >= 30


@pytest.mark.security(
    "Files of other kinds, damaged, lying about themselves or made to be run", "Each is said in words"
)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_whichever_way_it_comes(kind, tmp_path, runs_dir, capsys):
    name, content, said = HOSTILE[kind]
    with pytest.raises(DataError, match=said) as raised:
        load_upload(content, name)
    assert "\n" not in str(raised.value) and "root:" not in str(raised.value)
    if not isinstance(raised.value, ColumnAskedError | LabelsAskedError):
        # A question is no reason against keeping a file: it is asked of what is kept.
        with pytest.raises(FinsentError):
            bring(content, name)
        assert not list(runs_dir.rglob("*.*"))
    path = tmp_path / name.replace("/", "_")
    path.write_bytes(content)
    assert main(["data", "--source", str(path)]) == 2
    streams = capsys.readouterr()
    assert len(streams.err.strip().splitlines()) == 1 and "Traceback" not in streams.err and not streams.out


@pytest.mark.security("A path that leads to no plain file", "Each is said, none waited for")
@pytest.mark.parametrize("kind", ["a link to /etc/passwd", "a pipe", "a socket", "a device", "a link to itself"])
def test_a_path_to_something_else_is_said(kind, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    monkeypatch.chdir(tmp_path)
    if kind == "a link to /etc/passwd":
        path.symlink_to("/etc/passwd")
        monkeypatch.setenv("FINSENT_ROOTS", str(tmp_path))
        with pytest.raises(SourceNotFoundError, match="may read"):
            check_within_roots(str(path), SourceNotFoundError, "data")
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("a.csv")
    elif kind == "a device":
        path = "/dev/zero"
    else:
        path.symlink_to(path)
    with pytest.raises(FinsentError):
        load_data(str(path))


@pytest.mark.security("Texts that are formulas, HTML, addresses or code", "They stay what they are, and are never run")
def test_texts_that_something_could_run_stay_texts():
    texts = ["=cmd|' /C calc'!A0", "<svg onload=alert(1)>", "{{7*7}}", "$(id)", "'; drop table news; --", "\u202eevil",
             "a\u0301" * 400, "https://" * 2_000, "__import__('os').system('id')", "${jndi:ldap://a}"]  # fmt: skip
    data = load_upload(lines({"text": text, "label": "neutral"} for text in texts).encode(), "a.jsonl")
    assert data.rows["text"].tolist() == texts
    assert isinstance(find_issues(split_rows(data.rows)), list)


def test_a_data_set_that_was_saved_to_disk_is_read_with_its_splits(tmp_path):
    for split, rows in {"train": slice(0, 24), "test": slice(24, 30)}.items():
        saved = Dataset.from_dict({"text": TEXTS[rows], "label": NAMES[rows]})
        saved.save_to_disk(tmp_path / "saved" / split)
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    data = load_data(str(tmp_path / "saved"))
    assert sorted(data.rows["text"]) == sorted(TEXTS)
    assert split_rows(data.rows)["split"].value_counts()["test"] == 6
    assert "state.json" in " ".join(data.notes)
