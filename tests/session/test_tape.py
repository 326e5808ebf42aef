"""What callers told is cut out of a tape that grows: waited for, but not for long."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.model import Began, Told
from ivr.ports import CannotCut
from ivr.service.tape import Tapes
from recordings import Cutting

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
BEGAN = Began("vm-1.17", None, "100", AT)
SECOND = 8000 * 4


@pytest.fixture
def tape(tmp_path):
    """The tape, of five seconds."""
    path = tmp_path / "vm-1.17.raw"
    path.write_bytes(b"\1\0\2\0" * 8000 * 5)
    return path


def told(began, ended):
    return Told(AT + timedelta(seconds=began), AT + timedelta(seconds=ended))


def size(clip):
    """Bytes of it; None when it isn't there."""
    path = Path(f"{clip}.alaw")
    return path.stat().st_size if path.exists() else None


def test_a_clip_is_named_as_the_exchange_plays_it_and_gone_when_it_was_heard(tape):
    tapes = Tapes(Cutting(tape.parent))

    async def hold():
        clip = await tapes.cut(BEGAN, told(1, 3))
        assert clip == str(tape.parent / "told/vm-1.17")
        assert size(clip) == 16_000
        await tapes.forget(clip)
        assert size(clip) is None

    asyncio.run(hold())


def test_the_end_of_it_is_waited_for_while_the_exchange_writes(tape):
    tapes = Tapes(Cutting(tape.parent), patience=30.0)

    async def hold():
        cutting = asyncio.ensure_future(tapes.cut(BEGAN, told(4, 6)))
        await asyncio.wait({cutting}, timeout=0.2)
        assert not cutting.done()
        with tape.open("ab") as file:
            file.write(bytes(SECOND))
        assert size(await cutting) == 16_000

    asyncio.run(hold())


def test_what_never_comes_is_not_waited_for_for_ever(tape):
    tapes = Tapes(Cutting(tape.parent), patience=0.0)

    clip = asyncio.run(tapes.cut(BEGAN, told(4, 6)))
    assert size(clip) == 8000, "what there is, is played"

    with pytest.raises(CannotCut, match="not come that far"):
        asyncio.run(tapes.cut(BEGAN, told(7, 9)))
    with pytest.raises(CannotCut, match="can't be read"):
        asyncio.run(tapes.cut(Began("vm-9.9", None, "100", AT), told(1, 2)))
