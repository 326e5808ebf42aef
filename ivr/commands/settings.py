"""`ivr settings`: every setting, its default and what it is for; `docs/settings.md` is made of it."""

from dataclasses import fields
from pathlib import Path

import click

from ivr.asterisk.config import AsteriskConfig, Trunk
from ivr.dialog import Manner
from ivr.service.settings import Settings

BEGIN, END = "<!-- settings -->", "<!-- end of settings -->"
OURS = frozenset({"run", "modules", "share", "sounds", "ctl", "ari_password", "http_sessions", "loopback_endpoints"})
"""Fields of the exchange's configuration that we fill in ourselves."""


@click.command("settings")
@click.option("--write", type=click.Path(path_type=Path, exists=True), help="Renew the tables in this Markdown file.")
def show(write: Path | None) -> None:
    """List every setting, its default and what it is for, as Markdown."""
    if write is None:
        click.echo(tables())
    else:
        write.write_text(renewed(write.read_text("utf-8")), "utf-8")


def renewed(text: str) -> str:
    """`text` with the tables between the marks replaced.  Raises ValueError when the marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no place for the tables: write {BEGIN} and {END}")
    return f"{before}{begin}\n{tables()}\n{end}{after}"


def tables() -> str:
    """The settings, the timers of a question, and what the exchange is told."""
    rows = [
        ("setting", "default", "what for"),
        *((f"`{n}`", _default(f.default), f.description or "") for n, f in Settings.model_fields.items()),
    ]
    timers = [("`[questions.NAME]`", "default"), *((f"`{f.name}`", f"`{f.default}`") for f in fields(Manner))]
    exchange = [
        ("`[asterisk]`", "default"),
        *((f"`{n}`", _default(f.default)) for n, f in AsteriskConfig.model_fields.items() if n not in OURS),
    ]
    trunk = [
        ("`[asterisk.trunk]`", "default"),
        *(
            (f"`{n}`", "must be given" if f.is_required() else _default(f.default))
            for n, f in Trunk.model_fields.items()
        ),
    ]
    return "\n\n".join("\n".join(_table(table)) for table in (rows, timers, exchange, trunk))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    head, *rest = ("| " + " | ".join(row) + " |" for row in rows)
    return [head, "|" + "---|" * len(rows[0]), *rest]


def _default(value: object) -> str:
    text = str(value)
    return "" if text in ("None", "PydanticUndefined", "()") else f"`{text}`"
