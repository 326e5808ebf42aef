"""`ivr calls export`: a call as a file for people outside, as the console gives it."""

import getpass
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import click

from domain import evidence
from domain.evidence import CallFile
from domain.store import Store
from ivr.commands.business import opened, where
from ivr.commands.output import console, fail
from ivr.commands.up import settings_from
from ivr.console.exporting import SOUND, Format, Made, Order, failed, make, noted, why_not
from recordings.export import CannotExport
from recordings.vcon import NotAVcon


@click.command("export")
@click.argument("call")
@click.option(
    "--format", "wanted", type=click.Choice([str(each) for each in Format]), default="wav", show_default=True,
    help="Sound, an IETF vCon, or everything as a bundle for a court.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="File or folder; default: here, under its own name.")
@click.option("--reason", required=True, help="What for; it is in the trail with your name.")
@click.option(
    "--masked/--clear", default=True, help="Personal data hidden (the default), or as it is; a bundle never hides."
)
@where
def export(
    call: str, wanted: str, out: Path | None, reason: str, masked: bool, config: Path | None, data: Path | None
) -> None:
    """Export CALL (its id, as `ivr calls search` shows it).

    The same as in the console, and noted in the trail like there.  Nothing is overwritten.
    """
    reason = " ".join(reason.split())
    if len(reason) < 5:
        fail("say what for: --reason 'the regulator asks, letter 12/3'", 2)
    settings = settings_from(config, data=data)
    kind = Format(wanted)
    order = Order(kind, masked and kind is not Format.BUNDLE, _me(), reason, datetime.now(UTC))
    with opened(config, data) as store:
        file = store.read(lambda conn: evidence.of(conn, call)).result()
        if file is None:
            fail(f"there is no call {call!r}", 2)
        if fault := why_not(file.record, file.recording, sound=kind in SOUND):
            fail(str(fault))
        target, made = _exported(store, file, order, settings.data, out)
    parts = f", {len(made.hidden)} parts of the sound hidden" if order.masked else ""
    console.print(f"{target}: {target.stat().st_size:,} bytes{parts}", markup=False)


def _me() -> str:
    """As the trail knows who is at the keyboard."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "cli:?"


def _exported(store: Store, file: CallFile, order: Order, data: Path, out: Path | None) -> tuple[Path, Made]:
    """The file, whole or not at all."""
    order = store.write(lambda conn: noted(conn, file.call, order)).result()
    proof = None
    if order.format is Format.BUNDLE:
        proof = store.read(lambda conn: evidence.proof(conn, file.call)).result()
    folder = out if out is not None and out.is_dir() else (out or Path("x")).parent
    partial: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".export-", suffix=".partial")
        partial = Path(name)
        with os.fdopen(descriptor, "w+b") as file_out:
            made = make(file, order, data, cast(IO[bytes], file_out), proof)
            file_out.flush()
            os.fsync(file_out.fileno())
        target = folder / made.name if out is None or out.is_dir() else out
        os.link(partial, target)  # unlike a rename it never puts itself in another file's place
    except FileExistsError as fault:
        _failed(store, file, order, fault)
        fail(f"{fault.filename2} is there already: take another name with --out")
    except (CannotExport, NotAVcon, OSError) as fault:
        _failed(store, file, order, fault)
        fail(str(fault))
    except BaseException as fault:
        _failed(store, file, order, fault)
        raise
    finally:
        if partial is not None:
            with suppress(OSError):
                partial.unlink()
    return target, made


def _failed(store: Store, file: CallFile, order: Order, fault: BaseException) -> None:
    why, now = f"{type(fault).__name__}: {fault}"[:300], datetime.now(UTC)
    store.write(lambda conn: failed(conn, file.call, order, why, now)).result()
