"""What callers hear when versions lie over the shipped words: whole or not at all, and never silence."""

import io
import math
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model import Language
from domain.wording import Clip, State, Texts, Version
from prompts import Catalogue, sound
from prompts.overlay import Unusable, clips_below, originals_below, overlaid, pieces
from prompts.spoken import Part
from prompts.workshop import Refused, faults, made, needed, plan, read_recording, spellable, take_in

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SHIPPED = Catalogue.load()


def voice(seconds: float = 1.0, level: float = 0.2, rate: int = 16_000) -> np.ndarray:
    """Like speech enough: a tone of changing loudness."""
    at = np.arange(int(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * 300 * at) * (1 + 0.5 * np.sin(2 * np.pi * 5 * at))


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
        file.writeframes(np.repeat(whole, channels).tobytes() if width == 2 else whole.astype("<i4").tobytes())
    return out.getvalue()


def version(prompt: str, texts: Texts, clips: tuple[Clip, ...] = (), id: int = 1, language: str = "uk") -> Version:
    return Version(
        id, prompt, Language(language), texts, State.LIVE, NOW, "x", None, None, None, NOW, "x", None, None, id, clips
    )


def spoken(data: Path, prompt: str, texts: Texts, language: str = "uk", id: int = 1) -> Version:
    """A version whose clips were all made."""
    content = sound.a_law(sound.condition(voice(), 16_000, 100))
    parts = needed(SHIPPED, language, prompt, texts)
    return version(
        prompt, texts, tuple(made(data, clip, part, content, "Natalia") for clip, part in parts.items()), id, language
    )


def test_a_changed_text_is_what_is_said_and_its_clips_are_what_is_played(tmp_path: Path) -> None:
    changed = spoken(tmp_path, "goodbye", Texts("Бувайте здорові."))

    over = overlaid(SHIPPED, [changed], clips_below(tmp_path)).catalogue
    said = over.compose("uk", "goodbye")

    assert said.text == "Бувайте здорові."
    assert said.clips == (str(clips_below(tmp_path) / changed.clips[0].sha256),)
    assert said.duration_s == pytest.approx(changed.clips[0].ms / 1000)
    assert said.whole
    assert over.file("uk/goodbye").is_file()


def test_what_is_shipped_is_not_touched_and_other_prompts_are_as_they_were(tmp_path: Path) -> None:
    before = SHIPPED.compose("uk", "goodbye"), SHIPPED.compose("uk", "noinput")

    over = overlaid(SHIPPED, [spoken(tmp_path, "goodbye", Texts("Бувайте."))], clips_below(tmp_path)).catalogue

    assert (SHIPPED.compose("uk", "goodbye"), over.compose("uk", "noinput")) == before
    assert over.compose("ru", "goodbye") == SHIPPED.compose("ru", "goodbye")


def test_values_stay_in_their_places_when_the_text_around_them_changes(tmp_path: Path) -> None:
    words = SHIPPED.texts["uk"]["read_back"]["text"]
    texts = Texts(words.replace("Якщо", "Коли"))
    given = (("zone", ()), ("value", 2345))

    over = overlaid(SHIPPED, [spoken(tmp_path, "read_back", texts)], clips_below(tmp_path)).catalogue

    shipped, changed = SHIPPED.compose("uk", "read_back", given), over.compose("uk", "read_back", given)
    assert changed.text == shipped.text.replace("Якщо", "Коли").replace("якщо", "Коли")
    assert [clip for clip in shipped.clips if "/n/" in clip] == [clip for clip in changed.clips if "/n/" in clip]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.unlink(), Unusable.GONE),
        (lambda path: path.write_bytes(b""), Unusable.DAMAGED),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), Unusable.DAMAGED),
    ],
)
def test_a_broken_clip_brings_the_whole_shipped_prompt_back_never_silence(tmp_path: Path, damage, why) -> None:
    texts = Texts("Наберіть номер рахунку.", "Ще раз: номер рахунку. {hint_agent}")
    changed = spoken(tmp_path, "account", texts)
    broken = next(clip for clip in changed.clips if clip.clip == "uk/account.second.1")
    content = sound.a_law(sound.condition(voice(1.5), 16_000, 100))
    other = made(tmp_path, broken.clip, Part(broken.said), content, "Natalia")
    changed = version("account", texts, tuple(other if c.clip == broken.clip else c for c in changed.clips))
    damage(clips_below(tmp_path) / f"{other.sha256}.alaw")
    missing = SHIPPED.missing.total()

    over = overlaid(SHIPPED, [changed], clips_below(tmp_path))

    assert over.unusable == {1: why}
    assert over.catalogue.compose("uk", "account") == SHIPPED.compose("uk", "account")
    assert over.catalogue.compose("uk", "account", attempt=2) == SHIPPED.compose("uk", "account", attempt=2)
    assert SHIPPED.missing.total() == missing + 1, "it is counted"


def test_one_broken_version_takes_no_other_along(tmp_path: Path) -> None:
    good, bad = spoken(tmp_path, "goodbye", Texts("Бувайте.")), version("noinput", Texts("Тихо."), id=2)

    over = overlaid(SHIPPED, [good, bad], clips_below(tmp_path))

    assert over.unusable == {2: Unusable.SILENT}
    assert over.catalogue.compose("uk", "goodbye").text == "Бувайте."
    assert over.catalogue.compose("uk", "noinput") == SHIPPED.compose("uk", "noinput")


@pytest.mark.parametrize(
    ("prompt", "texts", "why"),
    [
        ("receipt", Texts("Прийнято."), Unusable.PLACES),
        ("goodbye", Texts("Бувайте, {value|kwh}."), Unusable.PLACES),
        ("no_such_prompt", Texts("Слово."), Unusable.UNKNOWN),
        ("hint_agent", Texts("{hint_reading}"), Unusable.PLACES),  # which says hint_agent
    ],
)
def test_a_version_that_the_program_no_longer_fits_is_not_heard(tmp_path: Path, prompt, texts, why) -> None:
    lines = texts.lines()
    content = sound.a_law(sound.condition(voice(), 16_000, 100))
    clips = tuple(made(tmp_path, c, p, content, "x") for c, p in pieces("uk", prompt, lines).items())

    over = overlaid(SHIPPED, [version(prompt, texts, clips)], clips_below(tmp_path))

    assert over.unusable == {1: why}
    assert over.catalogue.compose("uk", "goodbye") == SHIPPED.compose("uk", "goodbye")


def test_a_recording_of_a_number_takes_its_place_in_every_sentence(tmp_path: Path) -> None:
    part = SHIPPED.tongues["uk"].parts["uk/n/45"]
    clip = take_in(tmp_path, "uk/n/45", part, wav(voice(0.7)))

    over = overlaid(SHIPPED, [version("n/45", Texts(), (clip,))], clips_below(tmp_path))

    assert over.unusable == {}
    said = over.catalogue.compose("uk", "these_digits"), over.catalogue.tongues["uk"].say("kwh", 45)
    assert "uk/n/45" in said[1]
    assert over.catalogue.file("uk/n/45").stem == clip.sha256
    assert (originals_below(tmp_path) / f"{clip.original}.wav").read_bytes() == wav(voice(0.7))


def test_a_recording_of_words_that_are_no_longer_shipped_is_not_heard(tmp_path: Path) -> None:
    clip = take_in(tmp_path, "uk/goodbye", Part("Щось інше.", "falls"), wav(voice()))

    over = overlaid(SHIPPED, [version("goodbye", Texts(), (clip,))], clips_below(tmp_path))

    assert over.unusable == {1: Unusable.OTHER_WORDS}


# -- what a version needs ------------------------------------------------------------------------------------


def test_only_what_changed_is_to_be_spoken(tmp_path: Path) -> None:
    shipped = SHIPPED.texts["uk"]["account"]
    texts = Texts("Наберіть номер рахунку.", shipped["second"], shipped["third"])

    wanted = plan(SHIPPED, "uk", "account", texts, (), tmp_path)

    assert wanted.missing == {"uk/account": Part("Наберіть номер рахунку.", "falls")}
    assert set(wanted.ready) == {"uk/account.second.1", "uk/account.third.1"}
    assert all((clips_below(tmp_path) / f"{clip.sha256}.alaw").is_file() for clip in wanted.ready.values())


def test_a_persons_recording_is_carried_over_where_it_still_holds_and_nowhere_else(tmp_path: Path) -> None:
    texts = Texts("Раз, два.", "Три, чотири.")
    recorded = take_in(tmp_path, "uk/goodbye", Part("Раз, два.", "falls"), wav(voice()))
    old = version("goodbye", texts, (recorded,))

    same = plan(SHIPPED, "uk", "goodbye", Texts("Раз, два.", "П'ять."), [old], tmp_path)
    other = plan(SHIPPED, "uk", "goodbye", Texts("Раз.", "Три, чотири."), [old], tmp_path)

    assert same.ready["uk/goodbye"].original == recorded.original
    assert "uk/goodbye" in other.missing


def test_a_whole_version_may_go_live(tmp_path: Path) -> None:
    assert faults(SHIPPED, spoken(tmp_path, "goodbye", Texts("Бувайте здорові.")), tmp_path) == []


@pytest.mark.parametrize(
    ("prompt", "texts", "code", "line"),
    [
        ("goodbye", Texts("Натисніть 1."), "figure", "text"),
        ("goodbye", Texts("Бувайте.", "Дякуємo."), "letter", "second"),
        ("goodbye", Texts("Бувайте {"), "brace", "text"),
        ("goodbye", Texts("Бувайте {value|volts}."), "kind", "text"),
        ("goodbye", Texts("   "), "no_text", None),
        ("goodbye", Texts("а" * 1001), "text_long", "text"),
        ("goodbye", Texts("Кінець\x07."), "letter", "text"),
        ("receipt", Texts("Прийнято."), "place_gone", "text"),
        ("receipt", Texts("Прийнято, {number|number}."), "place_new", "text"),
        ("goodbye", Texts("{goodbye}"), "itself", "text"),
        ("nothing_such", Texts("Слово."), "unknown", None),
    ],
)
def test_what_is_wrong_with_words_is_named_beside_its_line(prompt, texts, code, line) -> None:
    found = spellable(SHIPPED, "uk", prompt, texts)

    assert (code, line) in [(fault.code, fault.line) for fault in found]
    assert all(fault.message for fault in found)


def test_nothing_goes_live_without_its_sound(tmp_path: Path) -> None:
    whole = spoken(tmp_path, "goodbye", Texts("Бувайте."))

    assert [f.code for f in faults(SHIPPED, version("goodbye", whole.texts), tmp_path)] == ["no_sound"]
    (clips_below(tmp_path) / f"{whole.clips[0].sha256}.alaw").unlink()
    assert [f.code for f in faults(SHIPPED, whole, tmp_path)] == ["gone"]
    assert [f.code for f in faults(SHIPPED, version("goodbye", Texts()), tmp_path)] == ["empty"]


def test_sound_that_is_too_faint_does_not_go_live(tmp_path: Path) -> None:
    faint = made(tmp_path, "uk/goodbye", Part("Бувайте.", "falls"), sound.a_law(voice(1, 0.01, 8000)), "x")

    assert [f.code for f in faults(SHIPPED, version("goodbye", Texts("Бувайте."), (faint,)), tmp_path)] == ["level"]


# -- recordings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_recording_of_any_usual_form_becomes_a_clip(tmp_path: Path, rate: int, channels: int) -> None:
    clip = take_in(tmp_path, "uk/goodbye", Part("Бувайте.", "falls"), wav(voice(1, 0.2, rate), rate, channels))

    samples = sound.heard((clips_below(tmp_path) / f"{clip.sha256}.alaw").read_bytes())
    assert abs(sound.active_db(samples) - sound.LEVEL_DB) < 1
    assert len(samples) % sound.FRAME == 0
    assert 1000 <= clip.ms <= 1400


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_wav"),
        (b"RIFF", "not_wav"),
        (b"ID3\x03" + bytes(1000), "not_wav"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(200), "not_wav"),
        (b"\x7fELF" + bytes(500), "not_wav"),
        (wav(voice(1, 0.001)), "quiet"),
        (wav(np.zeros(16_000)), "quiet"),
        (wav(voice(1, 5.0)), "clipped"),
        (wav(voice(0.05)), "short"),
        (wav(voice(200, 0.2, 8000), 8000), "long"),
        (wav(voice(95, 0.2, 8000), 8000), "long"),
        (wav(voice(1), width=4), "form"),
        (wav(voice(1), channels=3), "form"),
        (wav(voice(1), rate=4000), "rate"),
        (wav(voice(1), rate=192_000), "rate"),
        (bytes(12_000_001), "large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_recording_that_can_not_be_used_is_refused_by_name(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        take_in(tmp_path, "uk/goodbye", Part("Бувайте.", "falls"), content)

    assert refusal.value.code == code
    assert not clips_below(tmp_path).exists(), "nothing of it is kept"


def test_a_header_that_promises_four_gigabytes_costs_no_memory() -> None:
    honest = wav(voice(1))
    liar = bytearray(honest)
    liar[40:44] = (0xFFFFFFF0).to_bytes(4, "little")

    samples, rate = read_recording(bytes(liar))

    assert (len(samples), rate) == (16_000, 16_000)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_whatever_break_the_reader(noise: bytes, at: int) -> None:
    whole = wav(voice(0.3))
    try:
        samples, rate = read_recording(whole[:at] + noise + whole[at + len(noise) :])
    except Refused:
        return
    assert 8000 <= rate <= 48_000
    assert np.isfinite(samples).all()
    assert math.isfinite(sound.active_db(samples))
