"""A password as it is kept and checked, and a growing wait after wrong ones.

What is kept is a salted hash by scrypt (RFC 7914), which takes time and memory by intent, so that guessing from a
stolen hash is slow. Documentation: https://docs.python.org/3/library/hashlib.html#hashlib.scrypt
"""

import hashlib
import hmac
import math
import re
import secrets
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable

from finsent.errors import PasswordError

SHORTEST = 10
#: Longer ones are refused unread: hashing them would cost whoever checks them.
LONGEST = 200
#: 32 MiB and about a tenth of a second on one core: what OWASP's cheat sheet on storing passwords asks of scrypt.
_N, _R, _P = 2**15, 8, 3
_MEMORY = 2 * 128 * _N * _R
_FORM = re.compile(r"scrypt\$([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=)")
_WAIT_AFTER = 3
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3_600.0
_REMEMBERED = 1_000


def hash_password(password: str) -> str:
    """Return what is kept of a password: ``scrypt$salt$hash``, both in base64.

    Raises:
        PasswordError: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError(f"A password has {SHORTEST} to {LONGEST} characters. Give another one.")
    salt = secrets.token_bytes(16)
    return f"scrypt${b64encode(salt).decode()}${b64encode(_scrypt(password, salt)).decode()}"


def is_hash(kept: object) -> bool:
    """Whether something has the form of what :func:`hash_password` returns."""
    return isinstance(kept, str) and _FORM.fullmatch(kept) is not None


def is_password(password: str, kept: str) -> bool:
    """Whether a password is the one whose hash is kept; compared in a time that tells nothing of where they differ."""
    match = _FORM.fullmatch(kept)
    if match is None or len(password) > LONGEST:
        return False
    salt, digest = (b64decode(part) for part in match.groups())
    return hmac.compare_digest(_scrypt(password, salt), digest)


def _scrypt(password: str, salt: bytes) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32)


class Tries:
    """Wrong passwords and who gave them: after some, each further one doubles the wait before the next.

    One is checked at a time, so that many at once cost no more than one core. Whoever waits is refused unheard, the
    right password included. The newest 1,000 are remembered, for an hour after their last try.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: dict[str, tuple[int, float]] = {}

    def check(self, password: str, kept: str, who: str) -> bool:
        """Return whether it is the password; ``who`` is an address, or whatever tells one who tries from another.

        Raises:
            PasswordError: this one has to wait; the message says how long.
        """
        with self._lock:
            count, last = self._wrong.pop(who, (0, 0.0))
            if self._clock() - last >= _FORGOTTEN_AFTER:
                count = 0
            wait = last + _wait(count) - self._clock()
            if count and wait > 0:
                self._wrong[who] = (count, last)
                raise PasswordError(f"After {count} wrong passwords, wait {math.ceil(wait)} s before the next.")
            if is_password(password, kept):
                return True
            self._wrong[who] = (count + 1, self._clock())
            while len(self._wrong) > _REMEMBERED:
                del self._wrong[next(iter(self._wrong))]
            return False


def _wait(wrong: int) -> float:
    """Return the seconds to wait after so many wrong passwords: none, then 2, 4, 8 … up to a quarter of an hour."""
    # The exponent is bounded before the power is taken: whoever tries on for days makes no number too large.
    return 0.0 if wrong < _WAIT_AFTER else min(_LONGEST_WAIT, 2.0 ** min(wrong - _WAIT_AFTER + 1, 32))
