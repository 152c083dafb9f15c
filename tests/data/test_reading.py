"""Files that tests make: each is read as a person would expect, asked about, or refused with its cause."""

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finsent.data.choices import Choices
from finsent.data.dataset import load_data, load_upload, split_rows
from finsent.data.formats.raw import refused_table
from finsent.errors import ColumnAskedError, DataError, LabelsAskedError, TooLargeError, UsageError

LABELS = ("negative", "neutral", "positive")
TEXTS = [f"The mill in Oulu sold {n} bales, and prices rose by {n} %" for n in range(30)]
ROWS = [(text, LABELS[n % 3]) for n, text in enumerate(TEXTS)]
PLAIN = pd.DataFrame(ROWS, columns=["text", "label"])


def table(separator=",", names=("text", "label"), rows=ROWS, quote='"'):
    head = [separator.join(names)] if names else []
    body = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    return "\n".join([*head, *body]) + "\n"


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def workbook(rows=ROWS, sheets=("data",), first=()):
    """An .xlsx of inline texts, which no library here writes."""
    lines = [*first, ("text", "label"), *rows]
    cells = "".join(
        f'<row r="{r}">'
        + "".join(
            f'<c r="{chr(65 + c)}{r}" t="inlineStr"><is><t>{cell}</t></is></c>' for c, cell in enumerate(row) if cell
        )
        + "</row>"
        for r, row in enumerate(lines, start=1)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    listed = "".join(f'<sheet name="{s}" sheetId="{n}" r:id="rId{n}"/>' for n, s in enumerate(sheets, start=1))
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{relations}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{relations}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{relations}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{targets}</Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{cells}</sheetData></worksheet>",
    }
    for number in range(2, len(sheets) + 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet {space}><sheetData/></worksheet>"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def opendocument():
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in [("text", "label"), *ROWS]
    )
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "table", "text")
    )
    content = (
        f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="news">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return stream.getvalue()


def parquet(frame, **options):
    stream = io.BytesIO()
    frame.to_parquet(stream, **options)
    return stream.getvalue()


def repacked(content, part, old, new):
    """A zip archive with something replaced in a part of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    return zipped(**parts | {part: parts[part].replace(old, new, 1)})


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def studio(rows):
    return json.dumps(
        [{"data": {"headline": t}, "annotations": [{"result": [{"value": {"choices": [v]}}]}]} for t, v in rows]
    )


ARCHIVE = {"data/a.csv": table(), "README.txt": "x", "__MACOSX/._a.csv": "x"}
NUMBERED = [(n, *row) for n, row in enumerate(ROWS)]
REMARKS = [(text, text) for text in TEXTS]
OBJECTS = [{"text": text, "label": label} for text, label in ROWS]
CHATS = lines({"conversations": [{"from": "human", "value": t}, {"from": "gpt", "value": v}]} for t, v in ROWS)
READ = {
    "semicolons and capitals": ("a.csv", table(";", ("HEADLINE", "Class"))),
    "bars": ("a.psv", table("|", ("news", "polarity"))),
    "tabs in a .txt": ("a.txt", table("\t")),
    "single quotes": ("a.csv", table(names=("'text'", "'label'"), quote="'")),
    "no header, label first": ("a.csv", table(names=(), rows=[(b, a) for a, b in ROWS])),
    "an ending that nobody knows": ("a.export", table(";")),
    "no ending at all": ("export", table()),
    "UTF-16, big end first, no mark": ("a.csv", table().encode("utf-16-be")),
    "UTF-32 with a mark": ("a.csv", table().encode("utf-32")),
    "Windows line ends": ("a.csv", table().replace("\n", "\r\n")),
    "blank lines between": ("a.csv", table().replace("\n", "\n\n")),
    "a text over two lines": ("a.csv", table().replace("bales, and", "bales,\nand")),
    "a text over lines that look alike": ("a.csv", table().replace("bales, and", "bales,\none, two\nthree, four\nand")),
    "quotes with backslashes": ("a.csv", table().replace("Oulu", '\\"Oulu\\"')),
    "tabs with stray quotes": ("a.tsv", "text\tlabel\n" + "".join(f'"{text}\t{label}\n' for text, label in ROWS)),
    "a hint for Excel": ("a.csv", "sep=;\r\n" + table(";")),
    "another column of numbers": ("a.csv", table(names=("n", "Title", "label"), rows=NUMBERED)),
    "a workbook": ("a.xlsx", workbook()),
    "a workbook of three sheets": ("a.xlsx", workbook(sheets=("news", "notes", "more"))),
    "OpenDocument": ("a.ods", opendocument()),
    "gzip": ("a.csv.gz", gzip.compress(table().encode())),
    "gzip under another name": ("a.csv", gzip.compress(table().encode())),
    "a zip with a table and a licence": ("a.zip", zipped(**ARCHIVE)),
    "JSON lines named .csv": ("a.csv", lines(OBJECTS)),
    "a JSON array of arrays of names": ("a.json", json.dumps({"columns": ["text", "label"], "data": ROWS})),
    "JSON by column": ("a.json", json.dumps({"text": TEXTS, "label": [label for _, label in ROWS]})),
    "Label Studio": ("a.json", studio(ROWS)),
    "lists of one label": ("a.jsonl", lines({"text": t, "labels": [v]} for t, v in ROWS)),
    "parquet with categories": ("a.parquet", parquet(PLAIN.astype({"label": "category"}))),
    "parquet with bytes": ("a.parquet", parquet(PLAIN.assign(text=[text.encode() for text in TEXTS]))),
    "parquet named .csv": ("a.csv", parquet(PLAIN)),
    "parquet whose index is the text": ("a.parquet", parquet(PLAIN.set_index("text"))),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_files_as_people_have_them_give_the_same_rows(kind):
    name, content = READ[kind]
    data = load_upload(content if isinstance(content, bytes) else content.encode(), name)
    assert data.total_rows == len(data.rows) == 30
    assert data.rows["label"].tolist() == [label for _, label in ROWS]
    flat = data.rows["text"].str.replace(r"\n(one, two\nthree, four\n)?", " ", regex=True)
    stray = '"' if kind == "tabs with stray quotes" else ""
    inside = flat.str.replace('"Oulu"', "Oulu") if "backslashes" in kind else flat
    assert inside.tolist() == [stray + text for text in TEXTS]
    assert not data.refused


#: Hostile files, each with a part of what is said of it.
REFUSED = {
    "a PDF": ("a.csv", b"%PDF-1.7\n%...", "a PDF document"),
    "an image": ("a.csv", b"\x89PNG\r\n\x1a\n....", "an image"),
    "a pickle": ("a.pkl", b"\x80\x04K\x01.", "not a kind of file"),
    "a pickle named .csv": ("a.csv", b"\x80\x04\x95\x02\x00.", "a Python pickle, which can run code"),
    "a database": ("a.csv", b"SQLite format 3\x00...", "a SQLite database"),
    "a program": ("a.csv", b"\x7fELF\x02\x01\x01", "a program"),
    "a web page": ("a.csv", b"\n<!DOCTYPE HTML><html><body>Sign in</body></html>", "a web page"),
    "a pointer": ("a.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
    "an XML document": ("a.csv", b"<?xml version='1.0'?><rows/>", "an XML document"),
    "text named .parquet": ("a.parquet", table().encode(), "its content is not Parquet"),
    "half a parquet file": ("a.parquet", parquet(PLAIN)[:400], "cannot be read as parquet"),
    "half a gzip file": ("a.csv.gz", gzip.compress(os.urandom(5_000))[:3_000], "cut short"),
    "half a zip archive": ("a.zip", zipped(**{"a.csv": table()})[:200], "cannot be unpacked"),
    "a zip without a table": ("a.zip", zipped(**{"a.docx": "x"}), "holds no table"),
    "a zip with two tables": ("a.zip", zipped(**{"a.csv": table(), "b.csv": table()}), "holds 2 tables: a.csv, b.csv"),
    "a zip in a zip in a zip": (
        "a.gz", gzip.compress(gzip.compress(gzip.compress(table().encode()))), "packed more than 2 times"),
    "a damaged workbook": ("a.xlsx", zipped(**{"xl/workbook.xml": "<nothing"}), "cannot be read as a workbook"),
    "bytes of no text": ("a.csv", bytes(range(1, 9)) * 400 + b"\xff\xfe\xfd" * 200, "is no text"),
    "zeros": ("a.csv", b"\0" * 4_000, "is empty"),
    "a mark and nothing else": ("a.csv", b"\xef\xbb\xbf\n\n", "is empty"),
    "a name twice in an object": ("a.jsonl", b'{"text":"a","text":"b","label":"neutral"}\n', "“text” is there twice"),
    "two lists": ("a.json", json.dumps({"a": OBJECTS, "b": OBJECTS}).encode(), "several lists of objects .a, b"),
    "texts that are lists": ("a.json", json.dumps([{"text": ["a"], "label": "neutral"}] * 9).encode(), "holds lists"),
    "texts that are objects": ("a.json", json.dumps([{"text": {}, "label": "neutral"}] * 9).encode(), "holds objects"),
    "texts that are numbers": ("a.json", json.dumps([{"text": 5, "label": "neutral"}] * 9).encode(), "holds numbers"),
    "texts that are dates": (
        "a.parquet", parquet(PLAIN.assign(text=pd.Timestamp("2024-01-01"))), "holds dates, not texts"),
    "a label for each company": (
        "a.csv", table(rows=[(t, "{'A': 'positive', 'B': 'neutral'}") for t, _ in ROWS]).encode(), "an object"),
    "no label column": ("a.csv", table(names=("text", "remark"), rows=REMARKS).encode(), "no column label"),
    "words that are no labels": ("a.csv", b"text,label\n" + b"a,good\n" * 20, "“good” .20."),
}  # fmt: skip


@pytest.mark.security("A file that is no table, or not the one that it says", "Its own sentence says what it is")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_file_is_refused_with_its_cause(kind):
    name, content, said = REFUSED[kind]
    with pytest.raises(DataError, match=said) as raised:
        load_upload(content, name)
    assert "\n" not in str(raised.value)


BARE = table(quote="").replace(", and", " and")


def lone(text):
    return f'{{"text": "{text}", "label": "neutral"}}\n'


#: Files of which some rows cannot be used: the places of these, and a part of each reason.
PARTLY = {
    "a quote never closed": (
        "a.csv", table().replace('"The mill in Oulu sold 9 ', '"The "mill in Oulu sold 9 '), [11], "after its closing"),
    "a stray quote that a later one closes": (
        "a.csv", BARE.replace("The mill in Oulu sold 4 ", '"The mill in Oulu sold 4 ').replace("by 20 %", 'by 20 %"'),
        [6],
        "a quote is opened"),
    "commas without quotes": ("a.csv", "text,label\n" + "".join(
        f"{t.replace(',', ',' if n in (3, 8) else '')},{v}\n" for n, (t, v) in enumerate(ROWS)), [5, 10], "3 values"),
    "too few values": ("a.csv", table().replace(f'"{TEXTS[7]}","neutral"', f'"{TEXTS[7]}"'), [9], "1 value where"),
    "a zero byte": ("a.csv", table().replace("sold 2 ", "sold\x00 2 "), [4], "zero byte"),
    "half a character": ("a.jsonl", lines(OBJECTS) + lone("a \\ud83d b"), [31], "half a character"),
    "a few broken bytes": (
        "a.csv", table().replace("Oulu", "Jyväskylä").encode().replace(b"sold 5 ", b"sold \xe4 5 "), [7], "no UTF-8"),
    "a line that is no JSON": (
        "a.jsonl", lines(OBJECTS).replace('{"text": "The mill in Oulu sold 3 ', '{"text": ', 1), [4], "no JSON"),
    "a number among texts": ("a.jsonl", lines(OBJECTS) + '{"text": 5, "label": "neutral"}\n', [31], "numbers"),
    "an object among lists": ("a.json", json.dumps([*OBJECTS, ["a", "neutral"]]), [31], "a list and no object"),
    "a very long text": ("a.csv", table().replace("sold 6 ", "sold " + "6" * 200_000), [8], "the limit is 100,000"),
    "no text and no label": ("a.csv", table() + ',neutral\n"a b",\n', [32, 33], "no "),
    "two annotators who differ": (
        "a.json", json.dumps([*json.loads(studio(ROWS)), {"data": {"headline": "x y"}, "annotations": [
            {"result": [{"value": {"choices": [v]}}]} for v in LABELS]}]), [31], "3 labels, not one"),
    "an unknown label": ("a.csv", table() + '"a b c",positiv\n', [32], "nearest is “positive”"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PARTLY)
def test_rows_that_cannot_be_used_are_listed_and_none_vanishes(kind, tmp_path):
    name, content, places, said = PARTLY[kind]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"{len(places)} of .* rows are refused"):
        load_data(str(path))
    data = load_data(str(path), Choices(leave_out=True))
    assert [one.place for one in data.refused] == places
    assert all(said in one.reason for one in data.refused)
    added = data.total_rows - 30
    assert added == (len(places) if max(places) > 30 else 0)
    assert len(data.rows) + len(data.refused) == data.total_rows
    bare = {text.replace(",", "") for text in TEXTS}
    assert set(data.rows["text"].str.replace("Jyväskylä", "Oulu").str.replace(r'[,"]', "", regex=True)) <= bare
    assert refused_table(data.refused)["place"].tolist() == places


@pytest.mark.security("A packed file that unpacks to gigabytes", "It is unpacked no further than the limit")
@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip", "a.xlsx", "a.ods"])
def test_a_bomb_is_unpacked_no_further_than_the_limit(name, monkeypatch):
    monkeypatch.setenv("FINSENT_MAX_BYTES", "1000000")
    zeros = b"\0" * 50_000_000
    content = {
        "a.csv.gz": lambda: gzip.compress(zeros),
        "a.zip": lambda: zipped(**{"a.csv": zeros}),
        "a.xlsx": lambda: zipped(**{"xl/workbook.xml": "x", "xl/worksheets/sheet1.xml": zeros}),
        "a.ods": lambda: zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", **{"content.xml": zeros}),
    }[name]()
    assert len(content) < 1_000_000
    with pytest.raises(TooLargeError, match="FINSENT_MAX_BYTES"):
        load_upload(content, name)


@pytest.mark.security("A workbook with one cell in its last corner", "Refused: a reader would make all cells between")
def test_a_workbook_that_spans_everything_is_refused():
    far = repacked(workbook(), "xl/worksheets/sheet1.xml", b'r="B31"', b'r="XFD1048576"')
    with pytest.raises(TooLargeError, match="FINSENT_MAX_"):
        load_upload(far, "a.xlsx")


@pytest.mark.security("A table with a million columns", "Refused before a table is made")
@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_a_million_columns_are_refused(name):
    names = [f"c{n}" for n in range(1_000_000 if name == "a.csv" else 3_000)]
    content = (
        ",".join(names) + "\n" + ",".join("1" for _ in names)
        if name == "a.csv"
        else json.dumps([dict.fromkeys(names, 1)])
    )
    with pytest.raises(TooLargeError, match="FINSENT_MAX_COLUMNS"):
        load_upload(content.encode(), name)


@pytest.mark.security("Quotes in such disorder that lines would be read again and again", "Refused within seconds")
def test_disorder_of_quotes_takes_no_time():
    content = "text,label\n" + "".join(f'"line {n} with ""quotes"" of its own,neutral\n' for n in range(20_000))
    with pytest.raises(DataError):
        load_upload(content.encode(), "a.csv")


@pytest.mark.security(
    "A pipe, a folder in itself and a file that changes are given as data", "Each is said, none waited for"
)
def test_what_is_no_plain_file_is_said(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="a pipe, a device or a socket"):
        load_data(str(tmp_path / "pipe.csv"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.csv").write_text(table())
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set")
    data = load_data(str(tmp_path / "set"))
    assert len(data.rows) == 30 and any("again (a link to a folder)" in note for note in data.notes)
    path = tmp_path / "grows.csv"
    path.write_text(table())
    read = type(path).read_bytes

    def grow(self):
        content = read(self)
        with self.open("a") as more:
            more.write("more,neutral\n")
        return content

    monkeypatch.setattr(type(path), "read_bytes", grow)
    with pytest.raises(DataError, match="written to while it was read"):
        load_data(str(path))


@pytest.mark.security("A text with a formula, HTML and control characters", "It stays what it is, letter by letter")
def test_texts_stay_as_they_are():
    texts = ['=HYPERLINK("http://a.b")', "<script>alert(1)</script>", "a\tb", "a\u202eb", "+1", "@x", "null", "b'x'"]
    rows = [{"text": text, "label": "neutral"} for text in texts]
    assert load_upload(lines(rows).encode(), "a.jsonl").rows["text"].tolist() == texts
    assert load_upload(pd.DataFrame(rows).to_csv(index=False).encode(), "a.csv").rows["text"].tolist() == texts


def test_scores_are_cut_where_it_is_said_and_nowhere_else():
    rows = [(text, score) for text, score in zip(TEXTS, [-1, -0.31, -0.3, 0, 0.3, 0.31] * 5, strict=True)]
    content = table(names=("text", "score"), rows=rows).encode()
    with pytest.raises(LabelsAskedError, match="scores from -1 to 0.31") as raised:
        load_upload(content, "a.csv")
    assert (raised.value.question.kind, raised.value.question.low) == ("thresholds", -1)
    found = load_upload(content, "a.csv", Choices(thresholds="-0.3,0.3")).rows["label"]
    assert found.tolist() == ["negative", "negative", "neutral", "neutral", "neutral", "positive"] * 5


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"labels": "0=good"}, "“0=good” says of no value"),
        ({"labels": "0=neutral,0=positive"}, "two meanings"),
        ({"thresholds": "0.3,-0.3"}, "the lower first"),
        ({"thresholds": "nan,1"}, "two numbers"),
        ({"thresholds": "-1,1", "labels": "0=neutral"}, "not both"),
    ],
)
def test_choices_that_cannot_be_read_are_said(choices, said):
    content = table(rows=[(text, n % 3) for n, text in enumerate(TEXTS)]).encode()
    with pytest.raises((UsageError, DataError), match=said):
        load_upload(content, "a.csv", Choices(**choices))


def test_numbers_mean_what_was_said_in_whatever_way_they_are_written():
    chosen = Choices(labels="0=negative,1=neutral,-1=positive")
    rows = [(text, ("0.0", "1", "-1.00")[n % 3]) for n, text in enumerate(TEXTS)]
    assert load_upload(table(rows=rows).encode(), "a.csv", chosen).rows["label"].tolist() == list(LABELS) * 10


def test_splits_of_files_of_a_column_and_of_a_list_are_kept(tmp_path):
    halves = {"train": ROWS[:18], "dev": ROWS[18:24], "test": ROWS[24:]}
    for name, rows in halves.items():
        (tmp_path / f"news_{name}.csv").write_text(table(rows=rows))
    column = table(
        names=("text", "label", "split"), rows=[(*row, name) for name, rows in halves.items() for row in rows]
    )
    nested = json.dumps({name: [{"text": t, "label": v} for t, v in rows] for name, rows in halves.items()})
    wanted = {"train": 18, "validation": 6, "test": 6}
    for data in (
        load_data(str(tmp_path)),
        load_upload(column.encode(), "a.csv"),
        load_upload(nested.encode(), "a.json"),
    ):
        rows = split_rows(data.rows, seed=7)
        assert rows["split"].value_counts().to_dict() == wanted
        assert set(rows.loc[rows["split"] == "test", "text"]) == {text for text, _ in halves["test"]}
        assert any("Its own splits are kept: train 18, validation 6, test 6" in note for note in data.notes)
    (tmp_path / "news_dev.csv").unlink()
    drawn = [split_rows(load_data(str(tmp_path)).rows, seed=seed)["split"] for seed in (1, 1, 2)]
    assert drawn[0].value_counts().to_dict() == {"train": 16, "test": 6, "validation": 2}
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()


def test_a_stock_split_is_no_split_of_the_rows():
    content = table(names=("text", "label", "split"), rows=[(*row, "2:1") for row in ROWS]).encode()
    assert "given_split" not in load_upload(content, "a.csv").rows


def test_of_a_question_about_columns_all_columns_are_offered_those_that_fit_first():
    content = table(names=("date", "title", "body", "label"), rows=[("2024", *row[:1], *row) for row in ROWS]).encode()
    with pytest.raises(ColumnAskedError, match="“title”, “body”") as raised:
        load_upload(content, "a.csv")
    assert raised.value.question.columns == ("title", "body", "date", "label")
    assert load_upload(content, "a.csv", Choices(text_column="title")).rows["text"].tolist() == TEXTS


def test_where_the_text_of_a_chat_begins_is_asked():
    with pytest.raises(ColumnAskedError, match="after its common beginning") as raised:
        load_upload(CHATS.encode(), "a.jsonl")
    after, whole = raised.value.question.columns[:2]
    assert load_upload(CHATS.encode(), "a.jsonl", Choices(text_column=whole)).rows["text"].tolist() == TEXTS
    rest = load_upload(CHATS.encode(), "a.jsonl", Choices(text_column=after)).rows["text"]
    assert rest.tolist() == [text.removeprefix("The mill in Oulu sold ") for text in TEXTS]


def test_several_parquet_columns_of_one_name_are_said():
    stream = io.BytesIO()
    pq.write_table(pa.table([TEXTS, TEXTS, ["neutral"] * 30], names=["text", "text", "label"]), stream)
    with pytest.raises(DataError, match="several columns called “text”"):
        load_upload(stream.getvalue(), "a.parquet")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)
from finsent.data.dataset import load_upload
from finsent.errors import FinsentError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_upload(sys.stdin.buffer.read(), sys.argv[1])
except FinsentError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.security("OpenDocument that repeats a cell to a table of gigabytes", "Refused within 200 MB of memory")
def test_repeated_cells_are_counted_before_they_are_made():
    rows = b'<table:table-row table:number-rows-repeated="900000">'
    many = repacked(opendocument(), "content.xml", b"<table:table-row>", rows)
    many = repacked(
        many, "content.xml", b"<table:table-cell ", b'<table:table-cell table:number-columns-repeated="9000" '
    )
    done = subprocess.run([sys.executable, "-c", LIMITED, "a.ods"], input=many, capture_output=True, check=True)
    words, megabytes = done.stdout.decode().strip().splitlines()
    assert "FINSENT_MAX_" in words and int(megabytes) < 200
