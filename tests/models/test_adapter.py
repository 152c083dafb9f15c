"""Adapters that are damaged, hostile or another model's: refused in a sentence, before anything of them is loaded."""

import io
import json
import os
import shutil
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from finsent.errors import AdapterError
from finsent.evaluation.classifier import Classifier
from finsent.models.adapter import load_adapter
from finsent.models.base import load_base, model_hash, resolve_model
from finsent.report.export import export_archive
from finsent.runs.store import create_run, load_run
from finsent.runs.worker import main as work

WEIGHTS, CONFIG, NOTE = "adapter_model.safetensors", "adapter_config.json", "finsent.json"


@pytest.fixture(scope="module")
def trained(tiny_recipe, tmp_path_factory):
    """A finished run of the tiny model."""
    run = create_run(tiny_recipe, tmp_path_factory.mktemp("runs"))
    assert work(run.folder) == 0
    return load_run(run.folder.parent, run.id)


@pytest.fixture
def adapter(trained, tmp_path):
    return shutil.copytree(trained.adapter_dir, tmp_path / "adapter")


def tensors(change):
    def spoil(folder):
        found = load_file(folder / WEIGHTS)
        change(found, sorted(found)[0])
        save_file(found, folder / WEIGHTS)

    return spoil


def config(**changes):
    return lambda folder: (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | changes))


def content(name, raw):
    return lambda folder: (folder / name).write_bytes(raw)


def cut(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def header(size, text=b"{}"):
    return content(WEIGHTS, size.to_bytes(8, "little") + text)


HOSTILE = {
    "weights cut off": (cut, WEIGHTS),
    "empty weights": (content(WEIGHTS, b""), WEIGHTS),
    "a header of 2**60 bytes": (header(2**60), WEIGHTS),
    "a header that is no JSON": (header(4, b"nope"), WEIGHTS),
    "a tensor that reaches beyond the file": (
        header(67, b'{"a":{"dtype":"F32","shape":[99999999],"data_offsets":[0,399999996]}}'[:67]),
        WEIGHTS,
    ),
    "a missing matrix": (tensors(lambda found, first: found.pop(first)), "1 of 8 matrices are missing"),
    "a matrix too many": (tensors(lambda found, first: found.update(extra=torch.zeros(3))), "belong to no layer"),
    "a matrix of another shape": (tensors(lambda found, first: found.update({first: torch.zeros(3, 3)})), "shape"),
    "a matrix of whole numbers": (tensors(lambda found, first: found.update({first: found[first].int()})), "I32"),
    "not a number": (tensors(lambda found, first: found[first].fill_(float("nan"))), "no finite numbers"),
    "infinity": (tensors(lambda found, first: found[first].fill_(float("inf"))), "no finite numbers"),
    "a rank that is a text": (config(r="8"), "r: "),
    "a rank of a million": (config(r=10**6), "r: "),
    "a rank of true": (config(r=True), "r: "),
    "layers by a pattern": (config(target_modules="(a+)+$"), "target_modules"),
    "another kind of adapter": (config(peft_type="PROMPT_TUNING"), "peft_type"),
    "a class to import": (config(auto_mapping={"parent_library": "os", "base_model_class": "x"}), "auto_mapping"),
    "whole modules to replace": (config(modules_to_save=["lm_head"]), "modules_to_save"),
    "a list for a configuration": (content(CONFIG, b"[1]"), CONFIG),
    "null for a configuration": (content(CONFIG, b"null"), CONFIG),
    "a configuration nested deeply": (content(CONFIG, b"[" * 100_000), "nests too deeply"),
    "no configuration": (lambda folder: (folder / CONFIG).unlink(), CONFIG),
    "no note on the base": (lambda folder: (folder / NOTE).unlink(), NOTE),
    "a note without a hash": (content(NOTE, b"{}"), "base_model_hash"),
    "a pipe for weights": (lambda folder: ((folder / WEIGHTS).unlink(), os.mkfifo(folder / WEIGHTS)), "no adapter"),
}


@pytest.fixture(scope="module")
def base(tiny_llama):
    return load_base(str(tiny_llama), "float32")[0], model_hash(resolve_model(str(tiny_llama)))


@pytest.mark.security("a hostile or damaged adapter", "refused in a sentence; nothing of it is in the model")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_adapter_is_refused_before_anything_is_loaded(hostile, adapter, base):
    spoil, words = HOSTILE[hostile]
    model, its_hash = base
    spoil(adapter)
    with pytest.raises(AdapterError) as caught:
        load_adapter(model, adapter, its_hash)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not [name for name, _ in model.named_modules() if "lora" in name]


@pytest.mark.security("an adapter of another base model", "refused, by the hash of the model that it was trained on")
def test_an_adapter_of_another_base_is_refused(adapter, tiny_qwen3):
    with pytest.raises(AdapterError, match="was trained on another base model"):
        Classifier(str(tiny_qwen3), adapter)


def test_an_adapter_that_is_not_there(base, tmp_path):
    with pytest.raises(AdapterError, match="holds no adapter"):
        load_adapter(base[0], tmp_path, base[1])


def test_a_sound_adapter_is_loaded_whole(adapter, tiny_llama):
    classifier = Classifier(str(tiny_llama), adapter, "float32")
    saved = load_file(adapter / WEIGHTS)
    loaded = {name: value for name, value in classifier.model.state_dict().items() if "lora" in name}
    assert len(loaded) == len(saved) == 8
    assert sorted(float(v.sum()) for v in loaded.values()) == pytest.approx(
        sorted(float(v.sum()) for v in saved.values())
    )


def unzipped(run):
    with zipfile.ZipFile(io.BytesIO(export_archive(run, "adapter"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.security("paths of this machine in an adapter that is passed on", "none in any file, also of older runs")
@pytest.mark.parametrize("older", [False, True])
def test_an_export_holds_no_path_of_this_machine(older, trained, adapter, tiny_llama, tmp_path):
    run = trained.model_copy(update={"folder": tmp_path})
    if older:
        config(base_model_name_or_path=str(tiny_llama))(adapter)
        (adapter / "README.md").write_text(f"base_model: {tiny_llama}\n")
    files = unzipped(run)
    assert {f"adapter/{name}" for name in (WEIGHTS, CONFIG, NOTE)} <= set(files)
    for name, raw in files.items():
        for path in (tiny_llama, trained.folder.parent, tmp_path):
            assert str(path).encode() not in raw, name
    assert json.loads(files[f"adapter/{CONFIG}"])["base_model_name_or_path"] == f"the local model {tiny_llama.name}"


@pytest.mark.security("a link in an adapter's folder", "not followed: the zip is refused, and says which")
@pytest.mark.parametrize("place", ["notes.txt", "more", "."])
def test_a_link_is_not_followed_into_the_zip(place, trained, adapter, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("secret")
    if place == ".":
        adapter.rename(secret / "adapter")
        adapter.symlink_to(secret / "adapter")
    else:
        (adapter / place).symlink_to(secret / "key.txt" if place == "notes.txt" else secret)
    with pytest.raises(AdapterError, match="is a link"):
        export_archive(trained.model_copy(update={"folder": tmp_path}), "adapter")
