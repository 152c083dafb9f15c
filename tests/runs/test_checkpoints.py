"""Checkpoints: a damaged or half-written one is noticed, and the one before it is chosen."""

import pytest
import torch
from safetensors.torch import save_file

from finsent.runs.checkpoints import last_whole_checkpoint, what_is_wrong


def write_checkpoint(folder):
    folder.mkdir(parents=True)
    save_file({"lora_A": torch.ones(4, 8)}, folder / "adapter_model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"state": torch.ones(100)}, folder / name)
    (folder / "trainer_state.json").write_text('{"global_step": 1}')
    return folder


@pytest.fixture
def checkpoints(tmp_path):
    """Checkpoints of steps 6, 9 and 12; by name, 9 would be the last."""
    for step in (6, 9, 12):
        write_checkpoint(tmp_path / f"checkpoint-{step}")
    return tmp_path


def cut(file):
    file.write_bytes(file.read_bytes()[:-10])


def flip(file):
    content = bytearray(file.read_bytes())
    # A byte in the middle of the stored numbers.
    place = bytes(content).find(b"\x00\x00\x80\x3f" * 8)
    content[place + 2] ^= 0xFF
    file.write_bytes(content)


def test_the_newest_whole_checkpoint_is_by_step(checkpoints):
    assert last_whole_checkpoint(checkpoints) == (checkpoints / "checkpoint-12", [])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("adapter_model.safetensors", cut),
        ("optimizer.pt", cut),
        ("optimizer.pt", flip),
        ("scheduler.pt", flip),
        ("rng_state.pth", cut),
        ("trainer_state.json", cut),
        ("adapter_model.safetensors", lambda file: file.unlink()),
        ("rng_state.pth", lambda file: file.unlink()),
        ("trainer_state.json", lambda file: file.unlink()),
        ("optimizer.pt", lambda file: file.write_bytes(b"")),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_said(checkpoints, name, damage):
    damage(checkpoints / "checkpoint-12" / name)
    found, problems = last_whole_checkpoint(checkpoints)
    assert found == checkpoints / "checkpoint-9"
    (words,) = problems
    assert words.startswith("checkpoint-12 is not used")
    assert name in words or name == "trainer_state.json"


def test_no_checkpoint_is_none(tmp_path):
    assert last_whole_checkpoint(tmp_path / "none") == (None, [])
    (tmp_path / "checkpoint-new").mkdir()
    assert last_whole_checkpoint(tmp_path) == (None, [])


def test_a_whole_checkpoint_has_nothing_wrong(checkpoints):
    assert what_is_wrong(checkpoints / "checkpoint-6") is None
