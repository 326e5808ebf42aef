"""Whatever is wrong with the catalogue or the sound is found and named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prompts import Catalogue, sound
from prompts.checker import check_audio, check_texts
from prompts.composer import HERE, read_texts
from prompts.render import hash_of, read_index, sounds, write_index


def with_text(lang: str, prompt: str, **texts: str) -> Catalogue:
    catalogue = Catalogue(read_texts(), {})
    catalogue.texts[lang][prompt] = catalogue.texts[lang].get(prompt, {}) | texts
    return catalogue


@pytest.mark.parametrize(
    ("lang", "prompt", "texts", "problem"),
    [
        ("ru", "new", {"text": "Новое."}, "uk.toml: [new] is missing"),
        ("uk", "goodbye", {"fourth": "Ще раз."}, "unknown line 'fourth'"),
        ("uk", "goodbye", {"text": "  "}, "has no text"),
        ("uk", "receipt", {"text": "Прийнято."}, "other places"),
        ("en", "receipt", {"text": "{number|number} {number|number}"}, "other places"),
        ("uk", "goodbye", {"text": "{value|volts}"}, "unknown type"),
        ("uk", "goodbye", {"text": "{value|number:2}"}, "only digits"),
        ("uk", "goodbye", {"text": "{value|digits:0}"}, "only digits"),
        ("uk", "goodbye", {"text": "Бувайте {дo"}, "a place is written"),
        ("uk", "goodbye", {"text": "Натисніть 1."}, "write '1' in words"),
        ("uk", "goodbye", {"text": "Натисніть #."}, "write '#' in words"),
        ("uk", "goodbye", {"text": "Дякуємo."}, "U+006F"),  # a Latin o
        ("uk", "goodbye", {"text": "Это всё."}, "is not uk"),
        ("ru", "goodbye", {"second": "Це все, їй."}, "is not ru"),
        ("en", "goodbye", {"text": "Gооdbye."}, "is not en"),  # two Cyrillic o
        ("uk", "Good-Bye", {"text": "Бувайте."}, "small Latin letters"),
        ("uk", "goodbye", {"text": "{goodbye}"}, "contains itself"),
        ("uk", "hint_agent", {"text": "{hint_reading}"}, "contains itself"),
    ],
)
def test_faults_of_texts_are_named(lang: str, prompt: str, texts: dict[str, str], problem: str) -> None:
    assert any(problem in found for found in check_texts(with_text(lang, prompt, **texts)))


def test_the_catalogue_as_it_is_has_no_fault() -> None:
    assert check_texts(Catalogue(read_texts(), {})) == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of catalogue and audio; each test repairs what it damages."""
    folder = tmp_path_factory.mktemp("prompts")
    shutil.copytree(HERE / "catalogue", folder / "catalogue")
    for clip, path in sounds().items():
        (folder / "audio" / clip).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "audio" / f"{clip}.alaw")
    shutil.copyfile(HERE / "audio/index.json", folder / "audio/index.json")
    return folder


def change(**fields: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        index = read_index(folder)
        old = index["uk/goodbye"]
        index["uk/goodbye"] = type(old)(**{**vars(old), **fields})  # pyright: ignore[reportArgumentType]
        write_index(index, folder)

    return damage


def replace(samples: sound.Samples) -> Callable[[Path], None]:
    """Another sound, and an index that believes in it."""

    def damage(folder: Path) -> None:
        path = folder / "audio/uk/goodbye.alaw"
        sound.write_clip(path, samples)
        length = len(samples) * 1000 // 8000
        change(ms=length, sha256=hash_of(path))(folder)

    return damage


def noise(seconds: float, gain: float = 0.1) -> sound.Samples:
    return gain * np.random.default_rng(1).standard_normal(int(seconds * 8000))


def text(changed: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "catalogue/uk.toml"
        path.write_text(path.read_text("utf-8").replace("На все добре!", changed), "utf-8")

    return damage


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / "audio/uk/goodbye.alaw").unlink(), "audio/uk/goodbye.alaw is missing"),
        (lambda folder: shutil.copy(folder / "audio/uk/n/1.alaw", folder / "audio/uk/goodbye.wav"), "under talent/"),
        (
            lambda folder: shutil.copy(folder / "audio/uk/n/1.alaw", folder / "audio/uk/old.alaw"),
            "belongs to no text",
        ),
        (lambda folder: (folder / "audio/uk/goodbye.alaw").write_bytes(b"no"), "changed by hand"),
        (lambda folder: (folder / "audio/index.json").unlink(), "index.json is missing"),
        (lambda folder: (folder / "audio/index.json").write_text("{"), "index.json is missing or damaged"),
        (text("Бувайте здорові!"), "audio/uk/goodbye.alaw is stale"),
        (change(recipe="0"), "audio/uk/goodbye.alaw is stale"),
        (change(ms=20), "not as long as the index says"),
        (replace(noise(1, 0.02)), "dB"),
        (replace(noise(1.01)), "whole 20-ms frames"),
        (replace(np.concatenate([np.zeros(400), noise(0.95)])), "50 ms of silence"),
    ],
)
def test_faults_of_sound_are_named(whole: Path, damage: Callable[[Path], None], problem: str) -> None:
    touched = ("catalogue/uk.toml", "audio/index.json", "audio/uk/goodbye.alaw")
    before = {name: (whole / name).read_bytes() for name in touched}
    try:
        damage(whole)
        found = check_audio(Catalogue(read_texts(whole), {}, whole))
        assert len(found) == 1
        assert problem in found[0]
    finally:
        for name, content in before.items():
            (whole / name).write_bytes(content)
        for name in ("old.alaw", "goodbye.wav"):
            (whole / "audio/uk" / name).unlink(missing_ok=True)
    assert check_audio(Catalogue(read_texts(whole), {}, whole)) == []
