"""A real call, keyed in tones: from its masked copy ears get neither keys nor the account; the bundle has it all."""

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest

from domain import evidence
from ivr.console.exporting import Format, Order, make
from ivr.story import story
from tests.console.spoken_call import clip, keys_in, likeness, wav
from tests.telephony.world import came, dial, open_hotline, steps

pytestmark = pytest.mark.telephony

RATE = 8000
CALL = steps(
    "language", "3", "account", "1000000084", "account_check_failed", "account", "1000000083", "value_single",
    "104700#", "value_again", "700#", "read_back", "1", "receipt", "hangs up",
)  # fmt: skip


def export(house, call, kind, *, masked):
    """(the file, what was made)"""
    order = Order(kind, masked, "olena", "a test of masking", datetime.now(UTC))
    file = house.store.read(lambda conn: evidence.of(conn, call)).result()
    proof = house.store.read(lambda conn: evidence.proof(conn, call)).result()
    out = io.BytesIO()
    made = make(file, order, house.settings.data, out, proof)
    out.seek(0)
    return out, made


def test_what_callers_key_in_band_is_gone_from_a_masked_copy_and_the_rest_is_not(asterisk, tmp_path, index):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            await dial(house, index, CALL, dtmf="inband")
            result = await came(house)
            call = result.call.began.call
            clear, _ = export(house, call, Format.WAV, masked=False)
            masked, made = export(house, call, Format.WAV, masked=True)
            vcon, _ = export(house, call, Format.VCON, masked=True)
            bundle, _ = export(house, call, Format.BUNDLE, masked=False)
            file = house.store.read(lambda conn: evidence.of(conn, call)).result()
            happened = story(file.record, file.lines, file.moments).events
            return result, happened, wav(clear), wav(masked), made, vcon.read().decode(), bundle

    result, happened, sealed, copy, made, vcon, bundle = asyncio.run(main())

    assert result.recording.state == "sealed"
    outside = np.ones(len(sealed), bool)
    for span in made.hidden:
        outside[int(span.began * RATE) : int(np.ceil(span.ended * RATE))] = False
    assert 0.1 < outside.mean() < 0.9
    assert np.array_equal(copy[outside], sealed[outside]), "bit by bit"
    # Asterisk mutes a tone once it has recognised it: of most keys their first 30 ms are on a tape.
    heard = keys_in(sealed[:, 0].astype(float))
    left = keys_in(copy[:, 0].astype(float))
    assert len(heard) >= 4 and len(left) < len(heard) / 2
    assert keys_in(copy[~outside][:, 0].astype(float)) == ""

    [told] = [event for event in happened if event.kind == "prompt" and event.label == "account_check_failed"]
    piece = sealed[int((told.at + 1.0) * RATE) : int((told.until - 0.5) * RATE), 1].astype(float)
    assert len(piece) > 2 * RATE and piece.std() > 300, "the prompt with the account's digits is on the tape"
    assert likeness(piece, sealed[:, 1].astype(float)) > 0.95
    assert likeness(piece, copy[:, 1].astype(float)) < 0.3
    notice = clip("en/notice")
    assert likeness(notice[: 2 * RATE], sealed[:, 1].astype(float)) > 0.9
    [announced] = [event for event in happened if event.kind == "prompt" and event.label == "notice"]
    assert outside[int(announced.at * RATE) : int(announced.until * RATE)].any(), "not all of it is near a key"

    assert "1000000083" not in vcon and "1000000084" not in vcon and "104700" not in vcon

    with zipfile.ZipFile(bundle) as packed:
        kept = np.frombuffer(packed.read("recording.wav")[44:], "<i2").reshape(-1, 2)
        readings = json.loads(packed.read("caused.json"))["readings"]
        told = packed.read("timeline.txt").decode()
    assert np.array_equal(kept, sealed)
    assert [(each["account"], each["value"]) for each in readings] == [("1000000083", 104700)]
    assert "1000000083" in told
