"""Reading sources: files and folders of each kind, and everything that can be wrong with them."""

import json
import os
from io import BytesIO

import httpx2
import pandas as pd
import pytest

from finsent import hub
from finsent.data import sources
from finsent.data.dataset import load_data
from finsent.data.schema import TEXT_NAMES
from finsent.errors import (
    DataError,
    EmptyDataError,
    EncodingError,
    HubUnreachableError,
    MissingColumnError,
    SourceNotFoundError,
    UnknownLabelError,
)

SUJET = "inputs,answer,system_prompt,user_prompt,task_type,dataset\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
OFFERS = '"Only reply with positive, neutral, or negative."'


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="data.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


BAD_FILES = [
    ("", "data.csv", EmptyDataError, "is empty"),
    (" \n", "data.csv", EmptyDataError, "is empty"),
    ("text,label\n", "data.csv", EmptyDataError, "no rows"),
    ("text,remark\na,up\n", "data.csv", MissingColumnError, "no column label.*it has: text, remark.*--label-column"),
    ("a,positive\n" * 3, "data.csv", MissingColumnError, "no column text.*--text-column"),
    (
        "text,label\na,positive\nb,postive\nc,Negativ\n",
        "data.csv",
        UnknownLabelError,
        "2 of 3 rows.*“postive”, nearest is “positive” .1: line 3.*“Negativ”, nearest is “negative” .1: line 4",
    ),
    ("text,label\na,positive\nb,\n", "data.csv", EmptyDataError, "1 of 2 rows are refused: no label .1: line 3"),
    ('text,label\n" ",positive\n', "data.csv", EmptyDataError, "1 of 1 rows are refused: no text .1: line 2"),
    ("text,label\n\ud83d,neutral\n".encode("utf-16", "surrogatepass"), "data.csv", EncodingError, "like UTF-16"),
    ("text,label\nup, a lot,positive\ndown, too,negative\n", "data.csv", EncodingError, "quotes around it"),
    ("text,label\na,positive\nb,c,positive\n", "data.csv", EncodingError, "line 3"),
    ('text,label\n"a,positive\n', "data.csv", EncodingError, "line 2: a quote is opened and never closed"),
    (
        '{"text":"a","label":"positive"}\n{oops\n',
        "data.jsonl",
        EncodingError,
        "1 of 2 rows are refused: no JSON .1: line 2",
    ),
    ("5", "data.json", EncodingError, "cannot be read as json"),
    ('{"text":null,"label":"positive"}\n', "data.jsonl", EmptyDataError, "no text"),
    ("nonsense", "data.parquet", EncodingError, "cannot be read as parquet"),
    ("x", "data.pkl", DataError, "not a kind of file"),
    ("inputs,answer\na,positive\n", "data.csv", MissingColumnError, "no column system_prompt, user_prompt, task_type"),
    (SUJET + f"a,positive,{OFFERS},t,Sentiment_analysis,d\n", "data.csv", EmptyDataError, "none whose task_type"),
    (SUJET + f"a,bullish,{OFFERS},t,sentiment_analysis,d\n", "data.csv", UnknownLabelError, "offers positive, neutral"),
    (SUJET + "a,bullish,hello,t,sentiment_analysis,d\n", "data.csv", UnknownLabelError, "names no label"),
    (SUJET + f",positive,{OFFERS},t,sentiment_analysis,d\n", "data.csv", EmptyDataError, "empty inputs"),
]


@pytest.mark.parametrize(("content", "name", "error", "message"), BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence_that_says_where(write, content, name, error, message):
    with pytest.raises(error, match=message) as raised:
        load_data(write(content, name))
    assert "\n" not in str(raised.value)


@pytest.mark.security("A path that leads nowhere is given as data", "One sentence says so")
@pytest.mark.parametrize(
    "source", ["", " ", "nowhere.csv", "/nowhere/at/all", "~nobody-of-that-name/x.csv", "x" * 5000]
)
def test_a_path_that_leads_nowhere_is_said_so(source):
    with pytest.raises(SourceNotFoundError):
        load_data(source)


def test_an_empty_folder_is_said_so(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"holds no \.csv"):
        load_data(str(tmp_path))


@pytest.mark.parametrize(
    "names", [("train.csv", "test.csv"), ("2023.csv", "news_test.csv"), ("a.csv", "deep/valid.csv"), ("test.csv",)]
)
def test_every_file_of_a_folder_is_read_whatever_its_name(tmp_path, names):
    for number, name in enumerate([*names, ".cache/old.csv"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text,label\n" + "".join(f"Text {number} {n},neutral\n" for n in range(20)))
    texts = load_data(str(tmp_path)).rows["text"]
    assert sorted(texts) == sorted(f"Text {number} {n}" for number in range(len(names)) for n in range(20))


#: Names in which a library could see a pattern, an address or a split of a data set.
ODD_NAMES = [
    "part [2024].csv",
    "all*.csv",
    "what?.csv",
    "~x.csv",
    "100%20.csv",
    "a::b.csv",
    "hf:/x/y.csv",
    "{a,b}.csv",
    "train-00000-of-00001.csv",
    "validation.csv",
    "sujet-ai/Sujet.csv",
    "NEWS.CSV",
    "year=2024/x.csv",
    "back\\slash.csv",
    " .csv",
]


@pytest.mark.parametrize("folder", ["plain", "news [2024]", "**", "a::b"])
def test_every_file_of_a_folder_is_read_whatever_stands_in_its_name(tmp_path, folder):
    for number, name in enumerate(ODD_NAMES):
        file = tmp_path / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text,label\nText {number},neutral\n")
    data = load_data(str(tmp_path / folder))
    assert sorted(data.rows["text"]) == sorted(f"Text {number}" for number in range(len(ODD_NAMES)))
    assert [note.partition(":")[0] for note in data.notes] == [
        "Splits are kept as the files' names say",
        "Its own splits are kept",
    ]


@pytest.mark.security(
    "The path of a file holds marks that a reader might take for a pattern or an address", "That very file is read"
)
@pytest.mark.parametrize("name", ["~x.parquet", "year=2024/x.parquet", "a [1].PARQUET", "s3:/x.parquet"])
def test_a_file_is_read_whatever_stands_in_its_path(tmp_path, monkeypatch, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    content = BytesIO()
    pd.DataFrame({"text": ["a"], "label": ["neutral"]}).to_parquet(content)
    (tmp_path / name).write_bytes(content.getvalue())
    monkeypatch.chdir(tmp_path)
    if not name.startswith("~"):
        assert list(load_data(name).rows["text"]) == ["a"]
    assert list(load_data(f"./{name}").rows["text"]) == ["a"]


def test_files_of_different_kinds_are_read_together(write, tmp_path):
    write("text,label\na,neutral\n", "set/a.csv")
    write('{"text": "b", "label": "positive"}\n', "set/b.jsonl")
    pd.DataFrame({"label": ["negative"], "text": ["c"]}).to_parquet(tmp_path / "set" / "c.parquet")
    assert load_data(str(tmp_path / "set")).rows["text"].tolist() == ["a", "b", "c"]


def test_what_is_left_out_of_a_folder_is_named(write, tmp_path):
    write("text,label\na,neutral\n", "elsewhere/b.csv")
    for name in ("a.csv", ".old.csv", ".git/x.json", "notes.docx", "deep/more.md"):
        write("text,label\na,neutral\n", f"set/{name}")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    data = load_data(str(tmp_path / "set"))
    assert data.rows["text"].tolist() == ["a"]
    assert [note.removeprefix(f"Left out of {tmp_path / 'set'}: ") for note in data.notes] == [
        ".git/x.json, .old.csv (hidden).",
        "deep/more.md, notes.docx (of a kind that is not read).",
        "link (a link to a folder).",
    ]


@pytest.mark.security("What is no file stands in a folder of data", "It is named, and nothing is read from it")
@pytest.mark.parametrize("kind", ["a broken link", "a pipe"])
def test_what_is_no_file_is_named_in_an_error(write, tmp_path, kind):
    write("text,label\na,neutral\n", "set/a.csv")
    if kind == "a pipe":
        os.mkfifo(tmp_path / "set" / "b.csv")
    else:
        (tmp_path / "set" / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(SourceNotFoundError, match=r"b\.csv is no file"):
        load_data(str(tmp_path / "set"))


@pytest.mark.parametrize("column", [*TEXT_NAMES, "Headline", " TEXT ", "Sentence "])
@pytest.mark.parametrize("label", ["label", " Label"])
def test_a_text_has_one_of_the_names_that_people_give_it(write, column, label):
    data = load_data(write(f"date,{column},{label}\n2024,a,neutral\n2024,b,positive\n"))
    assert data.rows["text"].tolist() == ["a", "b"]
    said = [f"Texts are taken from the column “{column}”."] if column != "text" else []
    said += [f"Labels are taken from the column “{label}”."] if label != "label" else []
    assert list(data.notes) == said


def test_a_column_called_text_goes_first_and_the_others_are_named(write):
    data = load_data(write("title,text,label\nx,a,neutral\n"))
    assert data.rows["text"].tolist() == ["a"]
    assert data.notes == ("Texts are taken from the column “text”, not from “title”.",)


def test_of_several_that_could_hold_the_texts_none_is_guessed(write):
    with pytest.raises(MissingColumnError, match="several columns .*: “Title”, “body”; it has: Title, body, label"):
        load_data(write("Title,body,label\nx,a,neutral\n"))


def test_an_empty_text_is_named_by_its_own_column(write):
    with pytest.raises(EmptyDataError, match="1 of 2 rows are refused: no text .1: line 3"):
        load_data(write("Headline,label\na,neutral\n,neutral\n"))


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (["bearish", "neutral", "bullish"], ["bearish|neutral|bullish"] * 3),
        (["positive", "neutral", "negative"], ["positive|neutral|negative"] * 3),
        (["neutral"], ["positive|neutral|negative"]),
        (["bearish", "positive"], ["bearish|neutral|bullish", "positive|neutral|negative"]),
    ],
)
def test_the_answer_set_of_a_file_with_text_and_label(write, labels, answers):
    rows = load_data(write("text,label\n" + "".join(f"t,{label}\n" for label in labels))).rows
    assert rows["label"].tolist() == labels
    assert rows["answers"].tolist() == answers


def test_a_neutral_row_that_could_be_either_kind_is_refused_without_a_family(write):
    # By the labels alone, every neutral post would have a prompt of news, which gives its label away.
    rows = [("a", "bearish", "post"), ("b", "neutral", "post"), ("c", "positive", "news")]
    with pytest.raises(DataError, match="“family”"):
        load_data(write("text,label\n" + "".join(f"{text},{label}\n" for text, label, _ in rows)))
    told = load_data(write("text,label,family\n" + "".join(",".join(row) + "\n" for row in rows))).rows
    assert told["answers"].tolist() == ["bearish|neutral|bullish"] * 2 + ["positive|neutral|negative"]


def test_labels_lose_only_their_case_and_the_space_around_them(write):
    assert load_data(write("text,label\na, Positive \nb,NEUTRAL\n")).rows["label"].tolist() == ["positive", "neutral"]


def test_optional_columns_are_kept(write):
    own = "Only reply with positive, neutral, or negative. Be brief."
    content = f'text,label,topic,family,system_prompt\na,neutral,rates,post,\nb,neutral,oil,news,"{own}"\n'
    rows = load_data(write(content)).rows
    assert rows["topic"].tolist() == ["rates", "oil"]
    assert rows["answers"].tolist() == ["bearish|neutral|bullish", "positive|neutral|negative"]
    assert rows["system_prompt"].iloc[1] == own
    assert rows["prompt"].iloc[1].startswith(own + "\n\nFinancial text:\nb\n")


def test_texts_are_kept_as_they_are(write):
    texts = ["NA", "None", "null", "a\r\nb\n\nc", ' "quoted", and more ', "＝1", "2020-01-01", "5"]
    lines = "".join(json.dumps({"text": text, "label": "neutral"}) + "\n" for text in texts)
    table = pd.DataFrame({"text": texts, "label": "neutral"}).to_csv(index=False)
    for path in (write(table), write(lines, "data.jsonl")):
        assert load_data(path).rows["text"].tolist() == texts


def test_parquet_and_a_byte_order_mark_are_read(write, tmp_path):
    table = pd.DataFrame({"text": ["a", "b"], "label": ["neutral", "positive"]})
    table.to_parquet(tmp_path / "data.parquet")
    assert load_data(str(tmp_path / "data.parquet")).rows["text"].tolist() == ["a", "b"]
    assert load_data(write(b"\xef\xbb\xbftext,label\na,neutral\n")).rows["text"].tolist() == ["a"]


class TestFolder:
    """A folder is read file by file."""

    def test_texts_that_read_as_missing_are_kept(self, write, tmp_path):
        write("text,label\nNA,neutral\nNone,positive\n", "set/train.csv")
        assert load_data(str(tmp_path / "set")).rows["text"].tolist() == ["NA", "None"]

    def test_it_is_read_afresh_after_a_change(self, write, tmp_path):
        for text in ("old", "new"):
            write(f"text,label\n{text},neutral\n", "set/train.csv")
            assert load_data(str(tmp_path / "set")).rows["text"].tolist() == [text]

    @pytest.mark.parametrize(
        ("files", "error", "message"),
        [
            ({"train.csv": "text,label\na, b,positive\n"}, EncodingError, "quotes around it"),
            (
                {
                    "train.csv": "text,label\na,neutral\n",
                    "b.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:ab",
                },
                DataError,
                "b.csv is a Git LFS pointer",
            ),
            ({"a.csv": "text,label\na,neutral\n", "b.csv": "text,lab\nb,neutral\n"}, DataError, "cannot be read"),
        ],
    )
    def test_a_bad_one_is_refused(self, write, tmp_path, files, error, message):
        for name, content in files.items():
            write(content, f"set/{name}")
        with pytest.raises(error, match=message):
            load_data(str(tmp_path / "set"))


class TestHub:
    """The hub's data set: the real loading code, with the hub out of reach or failing."""

    def test_out_of_reach_it_is_said_at_once_and_the_embedded_set_offered(self, monkeypatch):
        monkeypatch.setattr(sources, "hub_answers", lambda: False)
        monkeypatch.setattr(hub, "ask", lambda *_, **__: pytest.fail("the hub was asked"))
        with pytest.raises(HubUnreachableError, match="does not answer.*“embedded”"):
            load_data("hub")

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            (ConnectionError("no route"), "cannot be reached"),
            (TimeoutError("slow"), "does not answer in time"),
            (httpx2.ConnectError("no route"), "cannot be reached"),
            (httpx2.ReadTimeout("slow"), "does not answer in time"),
            (httpx2.ProxyError("refused"), "Check HTTPS_PROXY"),
            (RuntimeError("client closed"), "Sujet-Finance-Instruct-177k could not be fetched"),
        ],
    )
    def test_its_own_failures_are_told_in_words(self, monkeypatch, failure, words):
        def fail(*_, **__):
            raise failure

        monkeypatch.setattr(sources, "hub_answers", lambda: True)
        monkeypatch.setattr(hub, "ask", fail)
        with pytest.raises(HubUnreachableError, match=words):
            load_data("hub")

    def test_it_is_fetched_once_and_read_in_its_own_shape(self, local_hub):
        rows = SUJET + f"a,positive,{OFFERS},t,sentiment_analysis,d\nq,x,s,u,qa,d\n"
        local_hub.add(hub.HUB_DATASET, {"train.csv": rows.encode()}, kind="datasets")
        data = load_data("hub")
        assert (data.source, data.total_rows, data.rows["prompt"].tolist()) == ("hub", 2, ["a"])
        local_hub.requests.clear()
        assert load_data("hub").fingerprint == data.fingerprint
        assert local_hub.requests == []
