"""Rendering speaks what changed and nothing else; a person's recording takes the synthesiser's place."""

import csv
import io
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from prompts import Catalogue, sound
from prompts.checker import check
from prompts.command import prompts
from prompts.composer import HERE
from prompts.render import ENDINGS, read_index, render, script, sounds, wanted, write_index
from prompts.rhvoice import CannotSpeak
from prompts.spoken import LANGUAGES, PAUSE, WORDLESS

NOWHERE = Path("/dev/null/nowhere")
"""A data directory that cannot be: whoever would fetch a synthesiser fails."""


class Murmur:
    """A speaker who murmurs for as long as the text is long, and remembers what was asked of them."""

    def __init__(self, fails_after: int = 10**9) -> None:
        self.said: list[str] = []
        self.fails_after = fails_after

    def say(self, text: str, voice: str, rate: float = 1.0) -> tuple[sound.Samples, int]:
        if len(self.said) >= self.fails_after:
            raise CannotSpeak("hoarse")
        self.said.append(f"{voice}: {text}")
        time = np.arange(24_000 * (2 + len(text)) // 16) / 24_000
        return 0.1 * np.sin(2 * np.pi * 200 * time) * (1 + 0.5 * np.sin(2 * np.pi * 5 * time)), 24_000

    def say_before(
        self, text: str, joint: str, carrier: str, voice: str, rate: float = 1.0
    ) -> tuple[sound.Samples, int]:
        return self.say(text + joint, voice, rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of catalogue and audio."""
    shutil.copytree(HERE / "catalogue", tmp_path / "catalogue")
    for clip, path in sounds().items():
        (tmp_path / "audio" / clip).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tmp_path / "audio" / f"{clip}.alaw")
    shutil.copyfile(HERE / "audio/index.json", tmp_path / "audio/index.json")
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / "catalogue/uk.toml"
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new), "utf-8")


def record(folder: Path, clip: str, seconds: float = 1.0) -> None:
    path = folder / "talent" / f"{clip}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    voice = np.random.default_rng(len(clip)).standard_normal(int(seconds * 16_000)) * 1000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(voice.astype("<i2").tobytes())


def problems(folder: Path) -> list[str]:
    return check(Catalogue.load(folder))


def test_the_committed_audio_needs_no_synthesiser(folder: Path) -> None:
    report = render(NOWHERE, folder)
    assert (report.spoken, report.recorded, report.removed) == ([], [], [])
    assert report.kept == len(wanted(Catalogue.load()))


def test_a_changed_text_is_spoken_again_and_nothing_else(folder: Path) -> None:
    rewrite(folder, "На все добре!", "До побачення!")
    assert any("stale" in problem for problem in problems(folder))
    speaker = Murmur()
    before = Catalogue.load(folder).compose("uk", "goodbye").duration_s
    assert render(NOWHERE, folder, speaker=speaker).spoken == ["uk/goodbye"]
    assert speaker.said == ["Natalia: Дякуємо за дзвінок. До побачення!"]
    assert problems(folder) == []
    assert Catalogue.load(folder).compose("uk", "goodbye").duration_s != before


def test_melodies_are_asked_for_as_the_pieces_end(folder: Path) -> None:
    rewrite(folder, "Ваш {zone}: {value}. Якщо", "Отже, {zone}: {value}, якщо")
    rewrite(folder, "Не чую вас.", "Ви набрали")
    speaker = Murmur()
    render(NOWHERE, folder, speaker=speaker)
    assert "Natalia: Отже, " in speaker.said  # leads on, its own comma not doubled
    assert "Natalia: Ви набрали, " in speaker.said


def test_a_prompt_that_is_gone_takes_its_clips_along(folder: Path) -> None:
    for lang in LANGUAGES:
        path = folder / f"catalogue/{lang}.toml"
        path.write_text(path.read_text("utf-8").replace("[gave_up]", "[surrender]"), "utf-8")
    report = render(NOWHERE, folder, speaker=Murmur())
    assert report.spoken == [f"{lang}/surrender" for lang in LANGUAGES]
    assert report.removed == [f"{lang}/gave_up" for lang in LANGUAGES]
    assert problems(folder) == []


def test_a_clip_that_was_damaged_is_spoken_again(folder: Path) -> None:
    (folder / "audio/uk/n/45.alaw").write_bytes(b"")
    (folder / f"audio/{PAUSE}.alaw").unlink()
    assert render(NOWHERE, folder, speaker=Murmur()).spoken == ["uk/n/45"]
    assert problems(folder) == []


def test_a_wav_file_among_the_clips_is_somebodys_and_left_alone(folder: Path) -> None:
    stray = folder / "audio/uk/goodbye.wav"
    stray.write_bytes(b"a recording")
    assert render(NOWHERE, folder).removed == []
    assert stray.read_bytes() == b"a recording"
    assert ["put your recording under talent/" in problem for problem in problems(folder)] == [True]


def test_what_was_done_before_an_interruption_is_not_done_again(folder: Path) -> None:
    index = read_index(folder)
    lost = sorted(index)[:40]
    write_index({clip: entry for clip, entry in index.items() if clip not in lost}, folder)
    with pytest.raises(CannotSpeak):
        render(NOWHERE, folder, speaker=Murmur(fails_after=15))
    assert len(read_index(folder)) == len(index) - 25
    assert len(render(NOWHERE, folder, speaker=Murmur()).spoken) == 25
    assert problems(folder) == []


def test_a_recording_takes_the_place_of_the_synthesiser(folder: Path) -> None:
    record(folder, "uk/goodbye", seconds=1.3)
    assert any("stale" in problem for problem in problems(folder))
    assert render(NOWHERE, folder).recorded == ["uk/goodbye"]
    assert read_index(folder)["uk/goodbye"].voice == "talent"
    assert problems(folder) == []
    assert render(NOWHERE, folder).recorded == []


def test_a_recording_is_not_used_for_another_text_in_silence(folder: Path) -> None:
    record(folder, "uk/goodbye")
    render(NOWHERE, folder)
    rewrite(folder, "На все добре!", "До побачення!")
    assert render(NOWHERE, folder).outdated == ["uk/goodbye"]
    assert ["record it again" in problem for problem in problems(folder)] == [True]

    assert render(NOWHERE, folder, accept=["uk/goodbye"]).recorded == ["uk/goodbye"]
    assert problems(folder) == []


def test_a_new_recording_of_a_changed_text_is_used(folder: Path) -> None:
    record(folder, "uk/goodbye", seconds=1)
    render(NOWHERE, folder)
    rewrite(folder, "На все добре!", "До побачення!")
    record(folder, "uk/goodbye", seconds=2)
    assert render(NOWHERE, folder).recorded == ["uk/goodbye"]
    assert problems(folder) == []


def test_without_its_recording_a_clip_is_spoken_again(folder: Path) -> None:
    record(folder, "uk/goodbye")
    render(NOWHERE, folder)
    (folder / "talent/uk/goodbye.wav").unlink()
    assert render(NOWHERE, folder, speaker=Murmur()).spoken == ["uk/goodbye"]
    assert problems(folder) == []


def test_a_recording_of_nothing_we_say_is_reported(folder: Path) -> None:
    record(folder, "uk/hello")
    render(NOWHERE, folder)
    assert ["talent/uk/hello.wav belongs to no text" in problem for problem in problems(folder)] == [True]


def test_a_bad_recording_is_named_and_costs_nothing_else(folder: Path) -> None:
    (folder / "talent/uk").mkdir(parents=True)
    (folder / "talent/uk/goodbye.wav").write_bytes(b"not sound")
    with pytest.raises(sound.BadRecording, match=r"talent/uk/goodbye\.wav"):
        render(NOWHERE, folder)
    (folder / "talent/uk/goodbye.wav").unlink()
    assert render(NOWHERE, folder).kept == len(wanted(Catalogue.load()))


# -- the talent's script ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_script_has_every_clip_of_a_language_once(lang: str) -> None:
    rows = list(csv.DictReader(io.StringIO(script(lang))))
    files = [row["file"] for row in rows]
    parts = Catalogue.load().parts(lang)
    assert sorted(files) == sorted(f"{clip}.wav" for clip in parts if clip not in WORDLESS)
    assert all(row["text"] == parts[row["file"][:-4]].text for row in rows)
    assert {row["ending"] for row in rows} == set(ENDINGS.values())


def test_the_script_shows_what_stands_around_a_piece() -> None:
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(script("uk")))}
    piece = rows["uk/meter_choice.2.wav"]
    assert piece["before"] == "Якщо номер лічильника закінчується на <ending>"
    assert piece["text"] == "натисніть"
    assert piece["after"] == "<key>."
    assert rows["uk/noinput.wav"]["note"].startswith("Лагідно")


# -- the commands -------------------------------------------------------------------------------------------


def test_check_says_that_all_is_well_and_exits_with_0() -> None:
    done = CliRunner().invoke(prompts, ["check"])
    assert done.exit_code == 0
    assert "0 problems" in done.output


def test_render_needs_nothing_when_nothing_changed(tmp_path: Path) -> None:
    done = CliRunner().invoke(prompts, ["render", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert f"0 spoken, 0 taken from recordings, {len(read_index())} unchanged" in done.output
    assert list(tmp_path.iterdir()) == []


def test_script_writes_a_file_that_spreadsheets_open(tmp_path: Path) -> None:
    out = tmp_path / "script.csv"
    done = CliRunner().invoke(prompts, ["script", "--language", "ru", "--out", str(out)])
    assert done.exit_code == 0
    assert out.read_bytes().startswith(b"\xef\xbb\xbffile,text")
    assert CliRunner().invoke(prompts, ["script", "--out", str(tmp_path / "no/where.csv")]).exit_code == 1
