"""`ivr settings`: every setting, its default and what it is for; `docs/settings.md` is made of it."""

from collections.abc import Collection, Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path

import click
from pydantic import BaseModel

from flows import FLOWS
from flows.worlds import SHOWN, TOLD, world
from ivr.asterisk.config import AsteriskConfig, Trunk
from ivr.commands.output import fail
from ivr.commands.pages import between
from ivr.dialog import Ask, Manner
from ivr.dialog.explore import explore
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
        return
    try:
        write.write_text(renewed(write.read_text("utf-8")), "utf-8")
    except (OSError, ValueError) as fault:
        fail(f"{write}: {fault}")


def renewed(text: str) -> str:
    """`text` with the tables between the marks replaced.  Raises ValueError when the marks are missing."""
    return between(text, BEGIN, END, tables(), "tables")


def tables() -> str:
    """The settings, the timers of a question, what the flows set of them, and what the exchange is told."""
    rows = [("setting", "default", "what for"), *_described(Settings)]
    timers = [
        ("`[questions.NAME]`", "default", "what it means"),
        *((f"`{f.name}`", _default(f.default), f.metadata["meaning"]) for f in fields(Manner)),
    ]
    flows = [("`NAME`", "what the conversations set themselves"), *_questions()]
    exchange = [("`[asterisk]`", "default", "what for"), *_described(AsteriskConfig, but=OURS)]
    trunk = [("`[asterisk.trunk]`", "default", "what for"), *_described(Trunk)]
    return "\n\n".join("\n".join(_table(table)) for table in (rows, timers, flows, exchange, trunk))


def _described(model: type[BaseModel], *, but: Collection[str] = ()) -> Iterator[tuple[str, ...]]:
    for name, known in model.model_fields.items():
        if name not in but:
            must = model is Trunk and known.is_required()
            yield f"`{name}`", "must be given" if must else _default(known.default), known.description or ""


def _questions() -> Iterator[tuple[str, ...]]:
    """Every question of every conversation, with the timers in which it differs from the defaults; by exploration."""
    asked: dict[str, set[Manner]] = {}
    found = (explore(flow, SHOWN, world, told=told) for name, flow in FLOWS.items() for told in TOLD[name])
    for spot in chain.from_iterable(each.every() for each in found):
        if isinstance(spot.turn, Ask):
            asked.setdefault(spot.turn.label, set()).add(spot.turn.manner)
    for question in sorted(asked):
        yield f"`{question}`", "; or ".join(sorted(map(_unlike_default, asked[question])))


def _unlike_default(manner: Manner) -> str:
    plain = Manner()
    own = [
        (f.name, getattr(manner, f.name)) for f in fields(Manner) if getattr(manner, f.name) != getattr(plain, f.name)
    ]
    return ", ".join(f"`{name} = {str(value).lower()}`" for name, value in own)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    head, *rest = ("| " + " | ".join(row) + " |" for row in rows)
    return [head, "|" + "---|" * len(rows[0]), *rest]


def _default(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "" if text in ("None", "PydanticUndefined", "()") else f"`{text}`"
