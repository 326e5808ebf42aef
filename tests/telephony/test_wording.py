"""A text that is changed while the hotline runs: the next call hears it, the one in progress does not."""

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import wording
from domain.model import Language
from domain.wording import Texts
from ivr.simulator.caller import Caller
from ivr.simulator.hearing import PromptIndex, read_sound
from prompts import Catalogue
from prompts.overlay import clips_below
from prompts.speaking import Spoken, speak
from prompts.workshop import faults, made, plan
from tests.telephony.conftest import REPOSITORY, SOUNDS
from tests.telephony.world import open_hotline

pytestmark = pytest.mark.telephony

UK = Language("uk")
TEXT = "Введіть, будь ласка, номер рахунку."
OLD, NEW = "uk/account", "uk/changed/account"


async def drafted(store, folder: Path) -> int:
    """A draft of another text for the question after the account, spoken as the console does it."""
    shipped = Catalogue.load()
    texts = Texts(TEXT, "Ще раз. " + TEXT)
    wanted = plan(shipped, "uk", "account", texts, (), folder)
    clips = [
        made(folder, one.clip, wanted.missing[one.clip], one.content, one.voice)
        async for one in speak(Path(os.environ.get("IVR_DATA") or REPOSITORY / "data"), wanted.missing)
        if isinstance(one, Spoken)
    ]
    made_at = datetime.now(UTC)
    version = await done(
        store.write(
            lambda conn: wording.draft(
                conn, "account", UK, texts, by="test", at=made_at, clips=[*wanted.ready.values(), *clips]
            )
        )
    )
    found = await done(store.read(lambda conn: wording.of(conn, version)))
    assert faults(shipped, found, folder) == []
    return version


async def done(future):
    return await asyncio.wrap_future(future)


async def heard(house, deed) -> None:
    """Do it, and wait until the controller has taken it in."""
    house.controller.wording.changed.clear()
    await deed
    async with asyncio.timeout(20):
        await house.controller.wording.changed.wait()


def publish(house, version, over=None):
    return done(house.store.write(lambda c: wording.publish(c, version, by="test", at=datetime.now(UTC), over=over)))


def index_with(folder: Path, version) -> PromptIndex:
    """Every shipped prompt, and the changed one."""
    sounds = {}
    for path in sorted(SOUNDS.glob("*/**/*.alaw")):
        lang, *key = path.relative_to(SOUNDS).with_suffix("").parts
        sounds[lang, "/".join(key)] = read_sound(path)
    [clip] = [clip for clip in version.clips if clip.clip == OLD]
    sounds["uk", "changed/account"] = read_sound(clips_below(folder) / f"{clip.sha256}.alaw")
    return PromptIndex(sounds)


@asynccontextmanager
async def at_the_menu(house, index):
    """A caller who is asked for a language."""
    async with Caller(index, from_user="rfc4733") as caller:
        await caller.dial(house.address)
        await caller.hears("uk/language")
        yield caller


async def asked(caller) -> str:
    """With which clip this caller is asked for the account."""
    await caller.press("1")
    found = await caller.hears([OLD, NEW], timeout=30)
    await caller.hang_up()
    return found.clip.name


def test_a_changed_text_is_heard_from_the_next_call_on_and_can_be_undone(asterisk, tmp_path):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            version = await drafted(house.store, tmp_path)
            index = index_with(tmp_path, await done(house.store.read(lambda conn: wording.of(conn, version))))
            results = []

            async with at_the_menu(house, index) as before:
                await heard(house, publish(house, version))
                results.append(await asked(before))
            async with at_the_menu(house, index) as caller:
                results.append(await asked(caller))

            undo = house.store.write(
                lambda c: wording.undo(c, "account", UK, to=None, by="test", at=datetime.now(UTC), reason=None)
            )
            await heard(house, done(undo))
            async with at_the_menu(house, index) as caller:
                results.append(await asked(caller))
            return results

    assert asyncio.run(main()) == [OLD, NEW, OLD]


def test_a_changed_clip_that_is_lost_or_damaged_while_we_run_is_the_shipped_one_again(asterisk, tmp_path):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            version = await drafted(house.store, tmp_path)
            stored = await done(house.store.read(lambda conn: wording.of(conn, version)))
            index = index_with(tmp_path, stored)
            [clip] = [clip for clip in stored.clips if clip.clip == OLD]
            path = clips_below(tmp_path) / f"{clip.sha256}.alaw"
            content = path.read_bytes()
            await heard(house, publish(house, version))

            async def write(what: bytes) -> None:
                path.write_bytes(what)

            await heard(house, write(content[: len(content) // 2]))
            results = []
            async with at_the_menu(house, index) as caller:
                results.append(await asked(caller))
            missing = house.catalogue.missing["version uk/account"]
            await heard(house, write(content))
            async with at_the_menu(house, index) as caller:
                results.append(await asked(caller))
            return results, missing

    assert asyncio.run(main()) == ([OLD, NEW], 1)


def test_what_went_live_while_no_controller_ran_is_heard_by_the_first_caller(asterisk, tmp_path):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            version = await drafted(house.store, tmp_path)
            index = index_with(tmp_path, await done(house.store.read(lambda conn: wording.of(conn, version))))
            await publish(house, version)
        async with open_hotline(asterisk, tmp_path) as house, at_the_menu(house, index) as caller:
            return await asked(caller)

    assert asyncio.run(main()) == NEW
