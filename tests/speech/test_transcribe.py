"""Engines that write down what was told: what they understand, and what becomes of those who die over it.

Vosk is the real one, with the model of the project.  Whisper has no model that could be shipped: a module of its name
stands in its place and does what Whisper is known for.
"""

import hashlib
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ports import EngineFault, EngineUnusable
from ivr.speech import transcribe, transcribe_child
from ivr.speech.models import BUILT_IN
from ivr.speech.transcribe import InAProcess, Vosk, Whisper
from ivr.speech.transcribe_child import LONGEST, compresses, loops, sensible
from prompts.sound import read_clip
from recordings.told import NotThere, told

ROOT = Path(__file__).parents[2]
SILENCE = np.zeros(4000, np.int16)


def spoken(*clips: str) -> bytes:
    """Clips of ours ("uk/n/5") with half a second of silence around each."""
    sound = [SILENCE]
    for clip in clips:
        sound += [np.rint(read_clip(ROOT / f"prompts/audio/{clip}.alaw") * 32767).astype(np.int16), SILENCE]
    return np.concatenate(sound).astype("<i2").tobytes()


# Vosk


@pytest.mark.parametrize(
    ("language", "digits", "words"),
    [("uk", "2 5 7 4", "два п'ять сім чотири"), ("ru", "2 5 7 4", "два пять семь четыре")],
)
def test_what_was_told_is_written_down_with_the_times_of_its_words(language: str, digits: str, words: str):
    audio = spoken(*[f"{language}/n/{digit}.fall" for digit in digits.split()])
    found = Vosk(BUILT_IN).transcribe(audio, language)
    assert " ".join(word.text for word in found.words) == words
    assert found.model == "proof-uk-ru"
    times = [time for word in found.words for time in (word.began, word.ended)]
    assert times == sorted(times)
    assert 0.3 < times[0] < 0.8  # after the silence
    assert times[-1] < len(audio) / 16000


def test_a_model_of_few_words_says_so_and_its_words_have_no_confidence():
    found = Vosk(BUILT_IN).transcribe(spoken("uk/n/5.fall"), "uk")
    assert "348 words only" in found.remark
    assert [word.confidence for word in found.words] == [None]
    assert found.confidence is None


def test_a_model_of_many_words_tells_how_certain_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transcribe_child, "FEW", 100)
    found = transcribe_child.vosk(BUILT_IN["uk"], "uk")(spoken("uk/n/5.fall", "uk/n/7.fall"))
    assert found.remark is None
    assert all(0.5 < word.confidence <= 1 for word in found.words)
    assert 0.5 < found.confidence <= 1


@pytest.mark.parametrize("audio", [b"", bytes(16000), bytes(3)])
def test_silence_and_nothing_at_all_have_no_words(audio: bytes):
    assert Vosk(BUILT_IN).transcribe(audio, "uk").words == ()


def test_a_language_without_a_model_is_said_to_have_none():
    with pytest.raises(EngineUnusable, match=r"no model for 'en'.*ivr models"):
        Vosk(BUILT_IN).transcribe(b"", "en")
    assert Vosk(BUILT_IN).languages == {"uk", "ru"}


def test_a_model_that_is_not_there_is_unusable(tmp_path: Path):
    with pytest.raises(EngineUnusable, match=r"can't be used.*ivr models"):
        Vosk({"uk": tmp_path / "none"}).transcribe(b"", "uk")


def test_a_model_that_kills_whoever_loads_it_does_not_kill_us(tmp_path: Path):
    damaged = tmp_path / "damaged"
    subprocess.run(["cp", "-r", BUILT_IN["uk"], damaged], check=True)
    graph = damaged / "graph/HCLr.fst"
    with graph.open("r+b") as file:
        file.truncate(graph.stat().st_size // 2)
    with pytest.raises(EngineUnusable, match=r"vosk.*(loaded|can't be used)"):
        Vosk({"uk": damaged}).transcribe(spoken("uk/n/5"), "uk")


# Processes


class Scripted(InAProcess):
    """An engine whose process does this."""

    def __init__(self, script: str) -> None:
        super().__init__("scripted", {"uk": Path("model")})
        self._script = script

    def _command(self, model: Path, language: str) -> list[str]:
        return [sys.executable, "-c", f"import os, sys, time\n{self._script}"]


LOADED = "print('loaded', flush=True)\n"


@pytest.mark.parametrize(
    ("script", "fault", "message"),
    [
        (LOADED + "os.kill(os.getpid(), 9)", EngineFault, "ended by signal 9"),
        (LOADED + "os.abort()", EngineFault, "ended by signal 6"),
        (LOADED + "sys.stderr.write('no memory\\n'); sys.exit(3)", EngineFault, r"code 3 \(no memory\)"),
        (LOADED + "print('[1, 2')", EngineFault, "no transcription"),
        (LOADED + "print('{}')", EngineFault, "no transcription"),
        (LOADED, EngineFault, "code 0"),
        ("os.kill(os.getpid(), 11)", EngineUnusable, "signal 11 while it loaded"),
        ("print('there is no model'); sys.exit(2)", EngineUnusable, "there is no model"),
        ("", EngineUnusable, "while it loaded"),
    ],
)
def test_whatever_ends_an_engine_is_told_apart(script: str, fault: type[Exception], message: str):
    with pytest.raises(fault, match=message):
        Scripted(script).transcribe(bytes(100_000), "uk")


def test_one_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(transcribe, "LOADS", 1.0)
    pid = tmp_path / "pid"
    script = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n" + LOADED + "time.sleep(600)"
    with pytest.raises(EngineFault, match=r"not done .* in time"):
        Scripted(script).transcribe(bytes(1600), "uk")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_an_engine_ends_with_who_started_it(tmp_path: Path):
    """Killed by kill -9, the starter leaves nothing behind: the engine's pipe is held by it alone."""
    whisper = fake_whisper(
        tmp_path, "import sys, time\nprint('working', file=sys.stderr, flush=True)\ntime.sleep(600)"
    )
    child = (
        f"[sys.executable, '-m', 'ivr.speech.transcribe_child', 'whisper', {str(whisper)!r}, 'uk', str(os.getpid())]"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", f"import os, subprocess, sys\nsubprocess.run({child}, input=b'')"],
        stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}, text=True,
    )  # fmt: skip
    assert starter.stderr is not None
    assert starter.stderr.readline() == "working\n"
    starter.send_signal(signal.SIGKILL)
    assert starter.stderr.read() == ""  # comes back only when nobody holds the pipe any more: the engine is gone
    starter.wait()


# Whisper


def fake_whisper(folder: Path, transcribing: str) -> Path:
    """A module `faster_whisper` in `folder`, and a model's directory for it.  transcribing: the body that does it."""
    body = "\n".join(f"        {line}" for line in transcribing.splitlines())
    (folder / "faster_whisper.py").write_text(
        "from types import SimpleNamespace as S\n"
        "def word(text, at, sure=0.9): return S(word=' ' + text, start=at, end=at + 0.4, probability=sure)\n"
        "def stretch(*words, nobody=0.0, likely=-0.2):\n"
        "    return S(words=words, text=''.join(w.word for w in words), no_speech_prob=nobody, avg_logprob=likely)\n"
        "class WhisperModel:\n"
        "    def __init__(self, path, **options):\n"
        "        assert options['local_files_only'] and options['device'] == 'cpu'\n"
        f"    def transcribe(self, sound, language, **options):\n{body}\n",
        encoding="utf-8",
    )
    model = folder / "whisper-base"
    model.mkdir(exist_ok=True)
    (model / "model.bin").touch()
    return model


@pytest.fixture
def whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a Whisper that transcribes as it is told to."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda transcribing: Whisper(fake_whisper(tmp_path, transcribing))


def test_whisper_that_is_not_installed_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(EngineUnusable, match=r"pip install 'grid-hotline\[whisper\]'"):
        Whisper(tmp_path).transcribe(b"", "uk")


def test_whisper_without_its_model_says_what_is_missing(whisper, tmp_path: Path):
    engine = whisper("return [], None")
    (tmp_path / "whisper-base/model.bin").unlink()
    with pytest.raises(EngineUnusable, match=r"model\.bin.*whisper_model"):
        engine.transcribe(b"", "uk")


def test_whisper_gets_16_khz_and_the_language_and_its_words_come_back(whisper):
    engine = whisper(
        "seconds = len(sound) / 16000\n"
        "assert abs(seconds - 2.0) < 0.01 and sound.dtype == 'float32' and abs(sound).max() <= 1\n"
        "return iter([stretch(word('Немає', 0.1), word('світла,', 0.6, 0.3), word(language, 1.2))]), None"
    )
    found = engine.transcribe(bytes(32000), "ru")
    assert [(word.text, word.began, word.confidence) for word in found.words] == [
        ("Немає", 0.1, 0.9),
        ("світла,", 0.6, 0.3),
        ("ru", 1.2, 0.9),
    ]
    assert (found.model, found.remark) == ("whisper whisper-base", None)


def test_what_whisper_makes_of_noise_is_left_out_and_that_is_said(whisper):
    engine = whisper(
        "return iter([\n"
        "    stretch(word('іскрить', 0.0), word('щиток', 0.5)),\n"
        "    stretch(*[word('дякую за перегляд', k) for k in range(12)]),\n"
        "    stretch(word('субтитри', 9.0), nobody=0.9, likely=-1.4),\n"
        "    stretch(word('приїдьте', 10.0)),\n"
        "]), None"
    )
    found = engine.transcribe(bytes(32000), "uk")
    assert [word.text for word in found.words] == ["іскрить", "щиток", "приїдьте"]
    assert "2 stretches" in found.remark


def test_whisper_is_given_so_much_and_no_more(whisper):
    engine = whisper(f"assert len(sound) == {int(LONGEST)} * 16000\nreturn [], None")
    found = engine.transcribe(bytes(int(LONGEST + 60) * 16000), "uk")
    assert "only the first 300 s" in found.remark


def stretch(*words: str) -> SimpleNamespace:
    told = [SimpleNamespace(word=f" {word}", start=k, end=k + 0.5, probability=0.8) for k, word in enumerate(words)]
    return SimpleNamespace(words=told, text=" ".join(words), no_speech_prob=0.0, avg_logprob=-0.3)


def test_the_same_stretch_again_and_again_is_a_loop_too():
    found, dropped = sensible([stretch("у", "нас", "немає", "світла")] * 5)
    assert dropped == 3
    assert [word.text for word in found] == ["у", "нас", "немає", "світла"] * 2


@pytest.mark.parametrize(
    ("words", "looping"),
    [
        ("ні ні ні кажу", False),
        ("так так так так так", False),
        ("ні ні ні ні ні ні", True),
        ("я вам кажу я вам кажу я вам кажу", True),
        ("Я вам кажу, я вам кажу. я вам кажу!", True),
        ("один два один два один два три", False),
        ("нуль нуль нуль п'ять п'ять", False),
        ("", False),
    ],
)
def test_people_repeat_themselves_less_than_loops_do(words: str, looping: bool):
    assert loops(words.split()) is looping


@given(st.lists(st.sampled_from("абвгд"), min_size=1, max_size=8), st.lists(st.sampled_from("єжз"), max_size=5))
def test_whatever_comes_six_times_running_is_a_loop(repeated: list[str], before: list[str]):
    assert loops([*before, *repeated * 6])


def test_speech_does_not_compress_as_loops_do():
    speech = "у нас у під'їзді третю добу немає світла і ніхто не відповідає на дзвінки приїдьте будь ласка"
    assert compresses(speech) < 2
    assert compresses("дякую за перегляд " * 12) > 2.4
    assert compresses("") == 0


# The sound


@pytest.fixture
def recording(tmp_path: Path):
    """Ten seconds: the caller counts up by the second, the prompts are always -1."""
    caller = np.repeat(np.arange(10, dtype="<i2"), 8000)
    path = tmp_path / "c1.wav"
    with wave.open(str(path), "wb") as wav:
        wav.setparams((2, 2, 8000, 0, "NONE", "not compressed"))
        wav.writeframes(np.stack([caller, np.full_like(caller, -1)], 1).tobytes())
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("first", "last", "heard"),
    [(2.0, 4.0, [2, 3]), (-1.0, 1.0, [0]), (8.0, 99.0, [8, 9]), (3.5, 4.0, [3])],
)
def test_the_callers_side_alone_is_cut_out(recording: tuple[Path, str], first: float, last: float, heard: list[int]):
    sound = np.frombuffer(told(*recording, first, last), "<i2")
    assert sorted(set(sound.tolist())) == heard
    assert len(sound) == round((min(last, 10) - max(first, 0)) * 8000)


def test_what_lies_beyond_the_end_is_not_there(recording: tuple[Path, str]):
    with pytest.raises(NotThere, match="ends before"):
        told(*recording, 10.0, 12.0)


def test_a_recording_that_was_changed_is_not_read(recording: tuple[Path, str]):
    path, sha256 = recording
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"?")
    with pytest.raises(NotThere, match="not what was sealed"):
        told(path, sha256, 0, 1)


def test_a_recording_that_is_gone_or_none_is_said_to_be(tmp_path: Path):
    with pytest.raises(NotThere, match="not in the archive"):
        told(tmp_path / "c9.wav", "0", 0, 1)
    (tmp_path / "c9.wav").write_bytes(b"RIFF")
    with pytest.raises(NotThere, match="no recording of ours"):
        told(tmp_path / "c9.wav", hashlib.sha256(b"RIFF").hexdigest(), 0, 1)
