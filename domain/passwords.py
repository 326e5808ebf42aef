"""Passwords: which are accepted, and what is kept of them.

Rules (NIST SP 800-63B, 5.1.1.2; RFC 9106)
1. At least 12 characters, no rules of composition, no expiry; not the login, not one of those that everybody tries,
   no short pattern repeated.  Any characters; they are compared in the form NFKC, so that another keyboard's way of
   writing the same letter makes no difference.
2. Kept is an argon2id hash, RFC 9106's second recommendation (64 MiB, 3 passes, 4 lanes); when the recommendation
   changes, hashes are made anew as people sign in.
3. Hashing takes some 50-200 ms of a core: `prove` is called outside of any transaction.
"""

import re
import secrets
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LEAST: Final = 12
MOST: Final = 200
"""Characters."""

ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Of temporary passwords: what can be read out on the telephone; no 0 o, 1 l i."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

_COMMON: Final = frozenset(Path(__file__).with_name("passwords.txt").read_text("utf-8").splitlines())
"""What everybody tries, of 12 characters and more, small letters; shorter ones are refused anyway."""


class BadPassword(ValueError):
    """It can't be a password.  because: short, long, login, common."""

    def __init__(self, because: str) -> None:
        self.because = because
        super().__init__(_SAID[because])


_SAID: Final = {
    "short": f"a password has at least {LEAST} characters; a few words that don't belong together are a good one",
    "long": f"a password has at most {MOST} characters",
    "login": "the password must not be the login or the name",
    "common": "this is one of the passwords that are tried first; choose another",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the password was right.  anew: its hash as it would be made today; None when that is how it is."""

    right: bool
    anew: str | None = None


def check(password: str, *others: str) -> None:
    """Whether it may be one.  others: the login, the name.  Raises BadPassword."""
    plain = _normal(password)
    if len(plain) < LEAST:
        raise BadPassword("short")
    if len(plain) > MOST:
        raise BadPassword("long")
    small = plain.casefold()
    if small in {_normal(other).casefold() for other in others}:
        raise BadPassword("login")
    if small in _COMMON or re.fullmatch(r"(.{1,8}?)\1+.{0,4}", small, re.DOTALL) or _runs(small):
        raise BadPassword("common")


def hashed(password: str) -> str:
    """What is kept of it."""
    return _HASHER.hash(_normal(password))


def prove(kept: str | None, password: str) -> Proof:
    """Whether it is the one that `kept` was made of; takes as long when there is none to compare with."""
    if len(password) > MOST * 4:  # nobody's: spare the work of normalizing megabytes
        password = ""
    try:
        _HASHER.verify(kept or _NOBODYS, _normal(password))
    except (VerificationError, InvalidHashError):
        return Proof(False)
    if kept is None:
        return Proof(False)
    return Proof(True, hashed(password) if _HASHER.check_needs_rehash(kept) else None)


def temporary() -> str:
    """A password to be given to somebody, who has to change it: `k7mq-2fxh-9wpd-c4rt`, 79 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()


def _runs(text: str) -> bool:
    """Whether each character follows the one before it: 123456789..., fedcba...; a few jumps count as none."""
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    return max(steps.count(1), steps.count(-1), steps.count(0)) >= len(steps) - 2


_NOBODYS: Final = (  # the hash of a random value that nobody kept, with today's parameters (tested)
    "$argon2id$v=19$m=65536,t=3,p=4$RO/S83+/+R9uu8LoDdud/A$OH0v02kNI+LUL1VRRQIXo4XyW6VdEiXSjrtThQ/yU7A"
)
