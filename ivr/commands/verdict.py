"""What came of a call: shown to people, and compared with what a scenario expects."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from domain import calls, readings
from domain.caused import Caused, CausedRequest, caused
from domain.model import RequestState
from domain.store import Store
from ivr.commands.output import console
from ivr.simulator.scenario import Expects


def show(store: Store, call: str) -> None:
    """Print what this call stored."""
    stored = store.read(lambda conn: readings.stored(conn, call=call)).result()
    others = store.read(lambda conn: caused(conn, call)).result()
    if not stored and others == Caused():
        console.print("  nothing was stored")
    _table(
        "stored readings",
        ("account", "meter", "zone", "kWh", "status", "receipt"),
        ((r.account, r.meter, r.zone, str(r.value), r.status, r.receipt) for r in stored),
    )
    _table(
        "requests",
        ("number", "kind", "topic", "reply by", "account", "contact", ""),
        ((r.number, r.kind, r.topic, r.reply_by, r.account, r.contact, _told(r)) for r in others.requests),
    )
    _table(
        "outage reports",
        ("number", "kind", "account", "contact"),
        ((r.number, r.kind, r.account, r.contact) for r in others.outages),
    )
    _table(
        "orders",
        ("number", "kind", "account", "contact"),
        ((o.number, o.kind, o.account, o.contact) for o in others.orders),
    )
    _table(
        "calls back",
        ("number", "about", "account", "contact", "begins"),
        ((c.number, c.about, c.account, c.contact, f"{c.begins:%Y-%m-%d %H:%M} UTC") for c in others.callbacks),
    )


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    rows = list(rows)
    if rows:
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*(Text(word or "") for word in row))
        console.print(table)


def shortcomings(store: Store, call: str, expected: Expects) -> list[str]:
    """Where the store differs from what was expected of this call; empty when nowhere."""
    record = store.read(lambda conn: calls.one(conn, call)).result()
    outcome = record.outcome if record else None
    found: list[str] = []
    if outcome != expected.outcome:
        found.append(f"the outcome is {outcome}, expected {expected.outcome}")
    stored = store.read(lambda conn: readings.stored(conn, call=call)).result()
    found += _differ(
        "reading",
        [(r.account, r.zone, r.value, r.status) for r in stored],
        [(r.account, r.zone, r.value, r.status) for r in expected.readings],
    )
    meters = [(r.meter, e.meter) for r, e in zip(stored, expected.readings, strict=False) if e.meter]
    found += [f"the reading is of meter {had}, expected {want}" for had, want in meters if had != want]
    others = store.read(lambda conn: caused(conn, call)).result()
    found += _differ(
        "request",
        [
            (r.kind, r.topic, r.reply_by, r.account, r.contact, *_how(r.told_from is not None, _is_draft(r)))
            for r in others.requests
        ],
        [(r.kind, r.topic, r.reply_by, r.account, r.contact, *_how(r.told, r.draft)) for r in expected.requests],
    )
    found += _differ(
        "outage",
        [(r.kind, r.account, r.contact) for r in others.outages],
        [(r.kind, r.account, r.contact) for r in expected.outages],
    )
    found += _differ(
        "order",
        [(o.kind, o.account, o.contact) for o in others.orders],
        [(o.kind, o.account, o.contact) for o in expected.orders],
    )
    found += _differ(
        "call back",
        [(c.about, c.account, c.contact) for c in others.callbacks],
        [(c.about, c.account, c.contact) for c in expected.callbacks],
    )
    return found


def _how(told: bool, draft: bool) -> tuple[str, ...]:
    return (*(("told",) if told else ()), *(("draft",) if draft else ()))


def _is_draft(request: CausedRequest) -> bool:
    return request.state is RequestState.DRAFT


def _told(request: CausedRequest) -> str:
    """What of it the recording holds."""
    if request.told_from is None or request.told_to is None:
        return ""
    seconds = (request.told_to - request.told_from).total_seconds()
    return f"{'draft, ' if _is_draft(request) else ''}told in {seconds:.1f} s"


def _differ(what: str, there: Sequence[tuple[object, ...]], wanted: Sequence[tuple[object, ...]]) -> list[str]:
    if there == wanted:
        return []
    return [f"the store has {_list(what, there)}, expected {_list(what, wanted)}"]


def _list(what: str, rows: Sequence[tuple[object, ...]]) -> str:
    return ", ".join(" ".join(str(word) for word in row) for row in rows) or f"no {what}"
