"""``finsent password``: read from a terminal, printed as the lines that the app reads."""

import os
import pty
import subprocess
import sys
import tomllib

import pytest

from finsent.files import PROJECT
from finsent.passwords import is_password

COMMAND = [sys.executable, "-m", "finsent", "password"]


def on_a_terminal(*lines):
    """Run the command on a terminal of its own, type lines, and return its exit code and all that was seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(PROJECT)
        os.execv(COMMAND[0], COMMAND)
    seen = b""
    typed = list(lines)
    while True:
        try:
            piece = os.read(terminal, 1024)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if piece.rstrip().endswith(b":") and typed:
            os.write(terminal, typed.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.mark.security("A password is made while somebody looks at the screen", "It is shown nowhere, only its hash is")
def test_a_password_is_read_unseen_and_its_line_printed():
    code, seen = on_a_terminal("correct horse", "correct horse")
    assert code == 0, seen
    assert "correct horse" not in seen
    kept = tomllib.loads(seen[seen.index("[finsent]") :])["finsent"]["password"]
    assert is_password("correct horse", kept)


@pytest.mark.parametrize(
    ("typed", "words"), [(("correct horse", "other horse"), "differ"), (("short", "short"), "10 to 200")]
)
def test_what_can_be_no_password_is_one_sentence(typed, words):
    code, seen = on_a_terminal(*typed)
    assert code == 2
    assert words in seen and "Traceback" not in seen


@pytest.mark.security("A password is given in a pipe, where a script or a history would keep it", "It is refused")
def test_it_is_read_from_a_terminal_alone():
    done = subprocess.run(COMMAND, cwd=PROJECT, input="correct horse\n" * 2, capture_output=True, text=True)
    assert done.returncode == 2
    assert "from a terminal alone" in done.stderr
