"""Texts as a model reads them: computed once, kept by the hashes of texts and model, and made anew where they are not
what they should be."""

import os
import resource

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from finsent.data.dataset import load_data
from finsent.errors import DiskFullError, ModelNotFoundError
from finsent.evaluation import text_states
from finsent.evaluation.text_states import compute_states, model_reading, read_states, states_file


@pytest.fixture(scope="module")
def rows(small_csv):
    return load_data(str(small_csv)).rows


@pytest.fixture
def kept(rows, tiny_llama, runs_dir):
    """A reading of the texts, and the states that were kept of it."""
    _, reading = model_reading(rows, str(tiny_llama))
    return reading, compute_states(reading, runs_dir)


def test_states_are_kept_for_the_same_texts_and_model(kept, rows, tiny_qwen3, tiny_llama, runs_dir):
    reading, states = kept
    found, why = read_states(reading, runs_dir)
    assert why == "" and found.shape == (120, 64)
    np.testing.assert_array_equal(found, states)
    for other_rows, model in ((rows, tiny_qwen3), (rows[::-1], tiny_llama), (rows.head(60), tiny_llama)):
        assert read_states(model_reading(other_rows, str(model))[1], runs_dir) == (None, "")


def test_what_is_kept_holds_no_text(kept, runs_dir):
    reading, _ = kept
    assert reading.texts[0].encode() not in states_file(reading, runs_dir).read_bytes()


def of_other_texts(file, about, states):
    save_file({"states": states}, file, about | {"texts": "0" * 64})


def of_another_model(file, about, states):
    save_file({"states": states}, file, about | {"model": "0" * 64})


def of_another_way_to_read(file, about, states):
    save_file({"states": states}, file, about | {"reading": "the last token"})


def without_a_word(file, about, states):
    save_file({"states": states}, file)


def of_another_name(file, about, states):
    save_file({"else": states}, file, about)


def of_fewer_texts(file, about, states):
    save_file({"states": states[:-1].copy()}, file, about)


def of_no_numbers(file, about, states):
    save_file({"states": states * np.float32("nan")}, file, about)


def cut_off(file, about, states):
    file.write_bytes(file.read_bytes()[:-100])


def no_safetensors(file, about, states):
    file.write_bytes(b"\x80\x04cos\nsystem\n")


DAMAGES = (
    (of_other_texts, "of other texts"),
    (of_another_model, "of another model"),
    (of_another_way_to_read, "read in another way"),
    (without_a_word, "of other texts"),
    (of_another_name, "cannot be read"),
    (of_fewer_texts, "one row of numbers a text"),
    (of_no_numbers, "no number"),
    (cut_off, "cannot be read"),
    (no_safetensors, "cannot be read"),
)


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[one.__name__ for one, _ in DAMAGES])
def test_a_damaged_or_foreign_file_is_refused_and_made_anew(damage, said, rows, tiny_llama, runs_dir):
    _, reading = model_reading(rows, str(tiny_llama))
    states = np.random.default_rng(0).normal(size=(120, 64)).astype(np.float32)
    text_states._keep(states, reading, runs_dir)
    assert read_states(reading, runs_dir)[0] is not None
    damage(states_file(reading, runs_dir), reading.about(), states)
    found, why = read_states(reading, runs_dir)
    assert found is None and said in why
    text_states._keep(states, reading, runs_dir)
    assert read_states(reading, runs_dir)[1] == ""


def test_many_texts_are_drawn_the_same_each_time(rows, tiny_llama, monkeypatch):
    monkeypatch.setattr(text_states, "MOST_TEXTS", 50)
    some, reading = model_reading(rows, str(tiny_llama))
    again, _ = model_reading(rows, str(tiny_llama))
    assert len(some) == len(reading.texts) == 50
    pd.testing.assert_frame_equal(some, again)


def test_the_newest_files_stay(rows, tiny_llama, runs_dir, monkeypatch):
    monkeypatch.setattr(text_states, "_KEPT", 2)
    files = []
    for count in (20, 30, 40):
        _, reading = model_reading(rows.head(count), str(tiny_llama))
        text_states._keep(np.ones((count, 4), np.float32), reading, runs_dir)
        files.append(states_file(reading, runs_dir))
        os.utime(files[-1], (count, count))
    assert [file.is_file() for file in files] == [False, True, True]


def test_a_file_that_another_process_removes_first_is_no_error(rows, tiny_llama, runs_dir):
    _, reading = model_reading(rows, str(tiny_llama))
    folder = text_states.states_dir(runs_dir)
    folder.mkdir()
    # It is listed, and not there.
    (folder / "gone.safetensors").symlink_to(folder / "nothing")
    text_states._keep(np.ones((120, 4), np.float32), reading, runs_dir)
    assert read_states(reading, runs_dir)[1] == ""


def test_a_full_disk_is_said_and_leaves_nothing_behind(rows, tiny_llama, runs_dir):
    _, reading = model_reading(rows, str(tiny_llama))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"safetensors cannot be written .*Free some room"):
            text_states._keep(np.ones((120, 64), np.float32), reading, runs_dir)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(text_states.states_dir(runs_dir).iterdir()) == []


def test_another_way_to_read_makes_them_anew(kept, runs_dir, monkeypatch):
    reading, _ = kept
    monkeypatch.setattr(text_states, "READING", "another way")
    assert read_states(reading, runs_dir) == (None, "")


def test_a_model_that_is_not_there_is_said(rows, tmp_path):
    with pytest.raises(ModelNotFoundError):
        model_reading(rows, str(tmp_path / "none"))
