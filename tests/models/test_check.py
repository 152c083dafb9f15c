"""Model folders that ask for what no model here has: refused by their JSON, before anything is allocated or fetched."""

import json
import os
import shutil
import time

import pytest

from finsent.errors import ModelNotFoundError
from finsent.models import embedded
from finsent.models.base import load_base, resolve_model
from finsent.models.skeleton import read_configuration


@pytest.fixture
def folder(tiny_llama, tmp_path):
    return shutil.copytree(tiny_llama, tmp_path / "model")


def config(**changes):
    def spoil(folder):
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return spoil


def content(raw, name="config.json"):
    return lambda folder: (folder / name).write_bytes(raw)


def tokenizer(**changes):
    def spoil(folder):
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return spoil


def index(name):
    return content(json.dumps({"weight_map": {"a": name}}).encode(), "model.safetensors.index.json")


BITS = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
HOSTILE = {
    "nothing": content(b""),
    "null": content(b"null"),
    "a list": content(b"[1]"),
    "an empty object": content(b"{}"),
    "no UTF-8": content(b"\xff\xfe\x00"),
    "nested deeply": content(b"[" * 100_000),
    "a width that is a text": config(hidden_size="64"),
    "a width that is a list": config(hidden_size=[64]),
    "a width of true": config(hidden_size=True),
    "no width": config(hidden_size=0),
    "zero heads": config(num_attention_heads=0),
    "heads that do not divide": config(num_attention_heads=4, num_key_value_heads=3),
    "no key-value heads": config(num_key_value_heads=0),
    "less than no layers": config(num_hidden_layers=-1),
    "a hundred thousand layers": config(num_hidden_layers=100_000),
    "a width of billions": config(hidden_size=4_000_000_000),
    "a vocabulary of billions": config(vocab_size=4_000_000_000),
    "more weights than its files hold": config(hidden_size=8_192, num_hidden_layers=80, intermediate_size=28_672),
    "more weights one level down": config(text_config={"hidden_size": 16_384, "num_hidden_layers": 120}),
    "a size beyond any number": content(b'{"model_type": "llama", "hidden_size": 1e999}'),
    "a kernel of the hub": config(attn_implementation="kernels-community/flash-attn"),
    "a kernel of the hub, as it is saved": config(_attn_implementation="somebody/kernel@main:attention"),
    "a kernel one level down": config(text_config={"attn_implementation": "somebody/kernel"}),
    "code of its own": config(auto_map={"AutoModelForCausalLM": "modeling.Mine"}),
    "a tokenizer with code of its own": tokenizer(auto_map={"AutoTokenizer": ["tokenization.Mine", None]}),
    "another quantisation": config(quantization_config={"quant_method": "gptq", "bits": 4}),
    "quantisation into 8 bits": config(quantization_config=BITS | {"load_in_4bit": False, "load_in_8bit": True}),
    "quantisation that is a text": config(quantization_config="nf4"),
    "weights outside the folder": index("../../etc/model.safetensors"),
    "weights by an absolute path": index("/etc/model.safetensors"),
    "weights that are pickled": index("pytorch_model.bin"),
    "a pipe for a configuration": lambda folder: ((folder / "config.json").unlink(), os.mkfifo(folder / "config.json")),
}


@pytest.mark.security("a hostile or damaged model folder", "refused in a sentence by its JSON, within a second")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_folder_is_refused_before_anything_is_allocated(hostile, folder, monkeypatch):
    from transformers import AutoConfig

    def opened(*args, **more):
        raise AssertionError("a library has read the configuration")

    monkeypatch.setattr(AutoConfig, "from_pretrained", opened)
    HOSTILE[hostile](folder)
    for use in (resolve_model, read_configuration, load_base):
        began = time.perf_counter()
        with pytest.raises(ModelNotFoundError) as caught:
            use(str(folder))
        assert time.perf_counter() - began < 5
        assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_sound_folder_is_opened_as_before(tiny_model):
    assert resolve_model(str(tiny_model)).config.hidden_size == 64


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """A cache folder, and how often something was converted into it."""
    made = []

    def convert(gguf, folder):
        made.append(folder)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(bytes(1000))

    monkeypatch.setenv("FINSENT_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "_find_gguf", lambda: tmp_path / "a.gguf")
    monkeypatch.setattr(embedded, "_convert", convert)
    return made


def test_the_embedded_model_is_converted_once_and_its_content_read_once(converted, monkeypatch):
    folder = embedded.embedded_folder()
    assert embedded.embedded_folder() == folder and len(converted) == 1
    hashed = []
    real = embedded._sha256
    monkeypatch.setattr(embedded, "_sha256", lambda file: hashed.append(file.name) or real(file))
    for _ in range(3):
        embedded.embedded_folder()
        embedded.verify(folder)
    assert sorted(hashed) == ["config.json", "model.safetensors"]


def other_content(folder):
    (folder / "model.safetensors").write_bytes(b"\x01" + bytes(999))


def other_size(folder):
    (folder / "model.safetensors").write_bytes(bytes(999))


@pytest.mark.security("the converted embedded model changed on the disk", "refused before it is loaded, with a remedy")
@pytest.mark.parametrize("change", [other_content, other_size, lambda folder: (folder / "config.json").unlink()])
def test_a_changed_embedded_model_is_refused(change, converted):
    folder = embedded.embedded_folder()
    embedded.verify(folder)
    change(folder)
    with pytest.raises(ModelNotFoundError, match="is not what was written there. Delete the folder"):
        embedded.verify(embedded.embedded_folder())
    shutil.rmtree(folder)
    embedded.verify(embedded.embedded_folder())
    assert len(converted) == 2


@pytest.mark.security(
    "a model that an older version converted, without hashes", "converted again, and kept if the same"
)
@pytest.mark.parametrize("same", [True, False])
def test_a_folder_without_hashes_is_converted_again(same, converted):
    folder = embedded.embedded_folder()
    embedded._manifest_file(folder).unlink()
    if not same:
        other_content(folder)
    before = folder.stat().st_ino
    embedded.verify(embedded.embedded_folder())
    assert len(converted) == 2
    assert (folder.stat().st_ino == before) == same


@pytest.mark.security("damaged hashes of the embedded model", "said, with a remedy")
@pytest.mark.parametrize("raw", [b"", b"[1]", b"null", b'{"a": 1}', b"\xff"])
def test_damaged_hashes_are_said(raw, converted):
    folder = embedded.embedded_folder()
    embedded._manifest_file(folder).write_bytes(raw)
    with pytest.raises(ModelNotFoundError, match="is damaged"):
        embedded.embedded_folder()
