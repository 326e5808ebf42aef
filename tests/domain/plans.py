"""How the database finds what a statement asks for, in SQLite's words on PostgreSQL too.

A step of a whole table begins with SCAN, of a part of it with SEARCH; USE TEMP B-TREE FOR ORDER BY is a sort.
PostgreSQL reads a small table from end to end whatever indexes it has, so this is forbidden wherever there is another
way: what it scans then, it would scan among millions, too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, event

PARTIAL = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
ANY_OTHER_WAY = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")


def steps(conn: Connection, job: Any) -> list[str]:
    """What the database does in all the statements of this job."""
    asked: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, sql: str, given: Any, *_: Any) -> None:
        asked.append((sql, given))

    event.listen(conn, "before_cursor_execute", note)
    try:
        job(conn)
    finally:
        event.remove(conn, "before_cursor_execute", note)
    assert asked
    return [step for sql, given in asked for step in _explained(conn, sql, given)]


def plan(conn: Connection, statement: Any, *, without: Sequence[str] = (), **values: Any) -> list[str]:
    """What it does for this one.  without: what else PostgreSQL's planner is to avoid."""
    if conn.dialect.name == "postgresql":
        for way in without:
            conn.exec_driver_sql(f"SET LOCAL {way} = off")
    return steps(conn, lambda c: c.execute(statement, values))


def _explained(conn: Connection, sql: str, given: Any) -> list[str]:
    if conn.dialect.name == "sqlite":
        return [row[-1] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()]
    if sql.split(maxsplit=1)[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
        return []
    for way in ANY_OTHER_WAY:
        conn.exec_driver_sql(f"SET LOCAL {way} = off")
    partial = set(conn.exec_driver_sql(PARTIAL).scalars())
    one = given[0] if isinstance(given, list) else given
    [whole] = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", one).scalar_one()
    return [_step(node, partial) for node in _nodes(whole["Plan"])]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _step(node: dict[str, Any], partial: set[str]) -> str:
    kind, index = node["Node Type"], node.get("Index Name")
    if kind == "Sort":  # an incremental one has an index's order, and sorts the few rows that are equal in it
        return "USE TEMP B-TREE FOR ORDER BY"
    if kind == "Seq Scan":
        return f"SCAN {node['Relation Name']}"
    if index is None:
        return kind
    table = node.get("Relation Name", index)
    whole = "Index Cond" not in node and index not in partial
    return f"SCAN {table}" if whole else f"SEARCH {table} USING INDEX {index}"
