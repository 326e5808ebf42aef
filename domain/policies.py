"""The book of rules as the operator keeps it: `DEFAULTS`, and what the table `policies` says otherwise.

Rules: rows are only added; a row of the same kind, key and date as an earlier one replaces it; a row that can't be
read is an error that names it, never skipped: deadlines and bills hang on it.  `enter` writes only what `load` reads.

Terms are JSON objects with the fields of their kind in `domain.policy`: {"before": 3, "after": 3}.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from sqlalchemy import Connection, Engine, Row, insert, select

from domain import policy
from domain.decrees import DEFAULTS
from domain.policy import KINDS, AnyRow, AnyTerms, Policies
from domain.tables import policies


class MalformedPolicy(ValueError):
    """A row says something that is no rule.  It must be corrected or deleted in the table: it can't be told what
    it was to replace."""


def load(conn: Connection) -> Policies:
    """The book as it stands.  Raises MalformedPolicy.

    One descent of the primary key as long as no row was added since the last call on this engine.
    """
    newest = conn.execute(_NEWEST).one_or_none()
    if newest is None:
        return DEFAULTS
    with _lock:
        known = _books.get(conn.engine)
    if known and known[0] == newest:
        return known[1]
    book = DEFAULTS.extended(_read(row) for row in conn.execute(_ALL))
    with _lock:
        _books[conn.engine] = (newest, book)
    return book


def enter(
    conn: Connection, kind: str, since: date, terms: AnyTerms | Mapping[str, Any], source: str, at: datetime
) -> int:
    """Put terms in force from `since` on; the row's id.  Raises MalformedPolicy, and then nothing was written.

    source: the paragraph or decree that says so.  at: now, timezone-aware.
    """
    if not source.strip():
        raise MalformedPolicy(f"a policy of kind {kind!r} needs its source: the paragraph or decree that says so")
    where = f"the policy of kind {kind!r} from {since}"
    if isinstance(terms, AnyTerms):
        if terms.kind != kind:
            raise MalformedPolicy(f"{where}: these are terms of kind {terms.kind!r}")
        text = dumped(terms)
    else:
        text = json.dumps(dict(terms), ensure_ascii=False)
        parsed(kind, text, where)
    values = {"kind": kind, "since": since, "terms": text, "source": source, "entered_at": at}
    (key,) = conn.execute(insert(policies).values(values)).inserted_primary_key or (0,)
    return int(key)


def parsed(kind: str, text: str, where: str) -> AnyTerms:
    """The terms that this JSON says.  where: how an error names the row.  Raises MalformedPolicy."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        raise MalformedPolicy(f"{where}: there is no kind {kind!r}; known are {', '.join(sorted(KINDS))}")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'terms'}: {each['msg']}" for each in error.errors()
        )
        raise MalformedPolicy(f"{where}: {said}") from error


def dumped(terms: AnyTerms) -> str:
    """Terms as JSON, all fields."""
    return _ADAPTERS[terms.kind].dump_json(terms).decode()


def _read(row: Row[Any]) -> AnyRow:
    where = f"row {row.id} of table policies, kind {row.kind!r} from {row.since}"
    return policy.Row(row.since, parsed(row.kind, row.terms, where), row.source)


_strictly: Final = with_config(ConfigDict(extra="forbid"))  # a misspelt field is an error and not a default
_ADAPTERS: Final[dict[str, TypeAdapter[AnyTerms]]] = {
    kind: TypeAdapter(_strictly(terms)) for kind, terms in KINDS.items()
}
_ALL: Final = select(policies).order_by(policies.c.id)
_NEWEST: Final = select(policies).order_by(policies.c.id.desc()).limit(1)
_lock: Final = Lock()
_books: Final[WeakKeyDictionary[Engine, tuple[Any, Policies]]] = WeakKeyDictionary()
