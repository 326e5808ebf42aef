"""The recogniser of a hotline: real workers, real models, good and bad ones."""

import asyncio
import logging
import shutil
from itertools import chain

import pytest

from domain.model import OutageKind
from flows import FLOWS, vocabulary
from flows.worlds import SHOWN, TOLD, world
from ivr.dialog import Ask
from ivr.dialog.explore import explore
from ivr.service.settings import Settings
from ivr.service.speech import Recognition, expected_words
from ivr.speech.models import verify
from ivr.speech.models.shelf import PROOF


@pytest.fixture
def sounds(tmp_path):
    return tmp_path / "sounds"


@pytest.fixture(autouse=True)
def _log(caplog):
    caplog.set_level(logging.INFO)


async def tried(recognition):
    """Started, and its models tried."""
    recognition.start()
    await recognition.ready()
    first = recognition.languages
    await recognition._task
    return first


def settings(tmp_path, **given):
    return Settings(data=tmp_path / "data", speech_workers=1, **given)


def run(main):
    return asyncio.run(asyncio.wait_for(main, 60))


def test_the_languages_of_the_project_s_model_are_understood_and_the_log_says_what_is_not(tmp_path, sounds, caplog):
    async def main():
        recognition = Recognition(settings(tmp_path), sounds)
        assert (recognition.languages, recognition.state, recognition.counts.workers) == (frozenset(), "starting", 0)
        assert recognition.attend("c1", lambda heard: None) is None, "no worker yet: keys only"
        await tried(recognition)
        assert (recognition.languages, recognition.state) == ({"uk", "ru"}, "uk, ru")
        ear = recognition.attend("c1", lambda heard: None)
        assert ear is not None
        assert recognition.counts.calls == 1
        await recognition.close()
        assert recognition.languages == frozenset()

    run(main())

    assert "speech in uk: proof-uk-ru, 348 words; it knows" in caplog.text
    assert "callers may use; not " in caplog.text


def test_speech_that_is_switched_off_starts_no_process(tmp_path, sounds, caplog):
    async def main():
        recognition = Recognition(settings(tmp_path, speech=False), sounds)
        recognition.start()
        await recognition.ready()
        assert (recognition.languages, recognition.state) == (frozenset(), "switched off")
        assert recognition.attend("c1", lambda heard: None) is None
        await recognition.close()

    run(main())

    assert "speech is switched off" in caplog.text


def test_a_model_that_would_take_every_worker_along_is_taken_from_them(tmp_path, sounds, caplog):
    """Cut off like this, it loads without a complaint, and ends the process that first listens with it; which workers
    do before they say that they are ready."""
    bad = shutil.copytree(PROOF, tmp_path / "bad")
    with (bad / "graph" / "HCLr.fst").open("r+b") as file:
        file.truncate(50_000)

    async def main():
        recognition = Recognition(settings(tmp_path, models={"ru": str(bad)}), sounds)
        await tried(recognition)
        assert (recognition.languages, recognition.state) == ({"uk"}, "uk")
        await recognition.close()

    run(main())

    assert "no speech in ru: " in caplog.text
    assert "the recogniser died of it (SIG" in caplog.text


@pytest.mark.parametrize(
    ("models", "complaint"),
    [
        ({"uk": "nowhere", "ru": "none"}, "there is no such directory; `ivr models` lists what is installed"),
        ({"uk": "none", "ru": "none", "en": PROOF.name}, "knows none of the words that callers use in en"),
    ],
)
def test_a_language_whose_model_is_missing_or_another_s_has_keys_only(tmp_path, sounds, caplog, models, complaint):
    async def main():
        recognition = Recognition(settings(tmp_path, models=models), sounds)
        await tried(recognition)
        assert recognition.languages == frozenset()
        assert recognition.state == "none: the log says why; callers have their keys"
        await recognition.close()

    run(main())

    assert complaint in caplog.text


def test_a_damaged_record_of_models_is_loud_and_hinders_nobody(tmp_path, sounds, caplog):
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "models.json").write_text("{")

    async def main():
        recognition = Recognition(settings(tmp_path), sounds)
        await tried(recognition)
        assert recognition.languages == frozenset()
        await recognition.close()

    run(main())

    assert "no speech: " in caplog.text
    assert "models.json can't be read: it is damaged" in caplog.text


def test_workers_that_can_t_be_started_hinder_nobody(tmp_path, sounds, caplog, monkeypatch):
    class Broken:
        def __init__(self, *_):
            raise OSError(24, "Too many open files")

    monkeypatch.setattr("ivr.service.speech.Workers", Broken)

    async def main():
        recognition = Recognition(settings(tmp_path), sounds)
        await tried(recognition)
        assert recognition.attend("c1", lambda heard: None) is None
        await recognition.close()

    run(main())

    assert "no speech: it failed to start" in caplog.text


@pytest.mark.parametrize("name", ["outage", "nobody_free"])
def test_the_words_that_are_looked_for_are_those_that_the_conversations_expect(name):
    found = (explore(FLOWS[name], SHOWN, world, told=told) for told in TOLD[name])
    asked = {s.turn.accepts for s in chain.from_iterable(e.every() for e in found) if isinstance(s.turn, Ask)}

    for language in ("uk", "ru", "en"):
        words = {word for grammar in asked for phrase in grammar.phrases(language) for word in phrase.split()}
        assert words
        assert words <= expected_words(language)


@pytest.mark.parametrize(
    "place",
    [vocabulary.OUTAGE, vocabulary.OUTAGES[OutageKind.DANGER], vocabulary.URGENT],
    ids=["menu", "kind", "urgent"],
)
@pytest.mark.parametrize(
    ("language", "danger"),
    [("uk", {"аварія", "вогонь", "дим", "пожежник"}), ("ru", {"авария", "огонь", "дым", "пожарный"})],
)
def test_danger_can_be_said_wherever_it_matters_also_to_the_small_model(place, language, danger):
    unknown = verify(PROOF, expected_words(language)).unknown

    assert danger <= {phrase for phrase in place[language] if unknown.isdisjoint(phrase.split())}
