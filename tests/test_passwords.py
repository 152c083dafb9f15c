"""Passwords: what is kept of one, what is none, and the wait that grows with wrong ones."""

import time

import pytest

from finsent.errors import PasswordError
from finsent.passwords import LONGEST, Tries, hash_password, is_hash, is_password

RIGHT = "correct horse"


@pytest.fixture(scope="module")
def kept():
    return hash_password(RIGHT)


@pytest.mark.security("Somebody reads the file that the password stands in", "It holds a salted hash by scrypt alone")
def test_what_is_kept_is_a_salted_hash(kept):
    assert RIGHT not in kept
    assert is_hash(kept) and is_password(RIGHT, kept)
    assert kept != hash_password(RIGHT)


@pytest.mark.parametrize("wrong", ["", "correct horse ", "Correct horse", "x" * (LONGEST + 1), "\udcff"])
def test_another_password_is_wrong(kept, wrong):
    assert not is_password(wrong, kept)


@pytest.mark.parametrize("what", ["", "correct horse", "scrypt$$", "scrypt$a$b", None, 3, ["scrypt"]])
def test_what_has_not_the_form_is_no_hash(what):
    assert not is_hash(what)
    assert not isinstance(what, str) or not is_password(what, what)


@pytest.mark.parametrize("short", ["", "123456789", "x" * (LONGEST + 1)])
def test_a_password_that_is_too_short_or_too_long_is_none(short):
    with pytest.raises(PasswordError, match="10 to 200 characters"):
        hash_password(short)


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def quick(monkeypatch):
    """Passwords that are compared as they are: the wait is what is tested."""
    monkeypatch.setattr("finsent.passwords.is_password", lambda password, kept: password == kept)


@pytest.mark.security(
    "One address tries password after password", "After three wrong ones each further try waits twice as long"
)
def test_the_wait_grows_and_the_right_password_waits_too(quick, clock):
    tries = Tries(clock)
    for wait in (0, 0, 0, 2, 4, 8):
        if wait:
            clock.now += wait - 1
            with pytest.raises(PasswordError, match="wait 1 s"):
                tries.check(RIGHT, RIGHT, "a")
            clock.now += 1
        assert not tries.check("wrong", RIGHT, "a")
    with pytest.raises(PasswordError, match="wait 16 s"):
        tries.check("wrong", RIGHT, "a")
    clock.now += 16
    assert tries.check(RIGHT, RIGHT, "a")
    assert not tries.check("wrong", RIGHT, "a")


def test_others_do_not_wait_and_an_hour_forgives(quick, clock):
    tries = Tries(clock)
    for _ in range(3):
        assert not tries.check("wrong", RIGHT, "a")
    assert tries.check(RIGHT, RIGHT, "b")
    clock.now += 3_600
    assert tries.check(RIGHT, RIGHT, "a")


def test_the_wait_has_an_end_however_many_were_wrong(quick, clock):
    tries = Tries(clock)
    for _ in range(1_200):
        clock.now += 901
        assert not tries.check("wrong", RIGHT, "a")
    with pytest.raises(PasswordError, match="wait 900 s"):
        tries.check(RIGHT, RIGHT, "a")


@pytest.mark.security("Wrong passwords from thousands of addresses", "The newest thousand are remembered, no more")
def test_the_memory_of_wrong_ones_is_bounded(quick, clock):
    tries = Tries(clock)
    for number in range(3_000):
        tries.check("wrong", RIGHT, str(number))
    assert len(tries._wrong) == 1_000


def test_hashing_takes_its_time_by_intent(kept):
    started = time.process_time()
    is_password("wrong", kept)
    assert time.process_time() - started > 0.02
