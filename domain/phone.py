"""Telephone numbers as callers' networks send them, made comparable.

Rule: a number is E.164 with "+" or it is None; what is not certainly a subscriber's number is None, because an
account may be found by it.  Theory: Ukraine's national significant numbers have nine digits that never begin
with 0 (national numbering plan, order 1105/12979); international ones have at most fifteen (E.164, 6.2.1).
"""

import re

_DRESSING = re.compile(r"[\s().\-\u2010-\u2014]")  # people and some exchanges group digits with these
_UKRAINIAN = re.compile(r"(?:\+380|00380|380|0)([1-9][0-9]{8})")
_FOREIGN = re.compile(r"(?:\+|00)((?!380)[1-9][0-9]{7,14})")


def e164(raw: str | None) -> str | None:
    """The number in E.164 with "+", or None when it is withheld, internal, incomplete or no number at all.

    Ukrainian numbers may come as `0XXXXXXXXX`, `380...`, `+380...` or `00380...`; foreign ones need `+` or `00`,
    since without it nobody can tell them from a mistake.

    >>> e164("067 123-45-67"), e164("00380671234567"), e164("+48 22 123 45 67")
    ('+380671234567', '+380671234567', '+48221234567')
    >>> e164("anonymous"), e164(""), e164("101"), e164("0")
    (None, None, None, None)
    """
    number = _DRESSING.sub("", raw or "")
    if not number.isascii():
        return None
    if ours := _UKRAINIAN.fullmatch(number):
        return f"+380{ours[1]}"
    if theirs := _FOREIGN.fullmatch(number):
        return f"+{theirs[1]}"
    return None


def as_dialled(number: str) -> str:
    """How a number in E.164 is dialled, and known, here: "0671234567", "0048221234567".  Inverse of `e164`.

    >>> as_dialled("+380671234567"), as_dialled("+48221234567")
    ('0671234567', '0048221234567')
    """
    return "0" + number[4:] if number.startswith("+380") else "00" + number[1:]
