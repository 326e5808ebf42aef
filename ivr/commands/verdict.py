"""What came of a call: shown to people, and compared with what a scenario expects."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from domain import calls, readings
from domain.store import Store
from ivr.commands.output import console
from ivr.simulator.scenario import Expects


def show_readings(store: Store, call: str) -> None:
    """Print the readings that this call stored."""
    stored = store.read(lambda conn: readings.stored(conn, call=call)).result()
    if not stored:
        console.print("  no reading was stored")
        return
    table = Table(
        "account", "meter", "zone", "kWh", "status", "receipt", title="stored readings", title_justify="left"
    )
    for r in stored:
        table.add_row(*map(Text, (r.account, r.meter, r.zone, str(r.value), r.status, r.receipt or "")))
    console.print(table)


def shortcomings(store: Store, call: str, expected: Expects) -> list[str]:
    """Where the store differs from what was expected of this call; empty when nowhere."""
    record = store.read(lambda conn: calls.one(conn, call)).result()
    outcome = record.outcome if record else None
    found: list[str] = []
    if outcome != expected.outcome:
        found.append(f"the outcome is {outcome}, expected {expected.outcome}")
    stored = store.read(lambda conn: readings.stored(conn, call=call)).result()
    there = [(r.account, r.zone, r.value, r.status) for r in stored]
    wanted = [(r.account, r.zone, r.value, r.status) for r in expected.readings]
    if there != wanted:
        found.append(f"the store has {_list(there)}, expected {_list(wanted)}")
    meters = [(r.meter, e.meter) for r, e in zip(stored, expected.readings, strict=False) if e.meter]
    found += [f"the reading is of meter {had}, expected {want}" for had, want in meters if had != want]
    return found


def _list(rows: Sequence[tuple[object, ...]]) -> str:
    return ", ".join(" ".join(str(word) for word in row) for row in rows) or "no reading"
