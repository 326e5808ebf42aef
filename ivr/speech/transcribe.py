"""Engines that write down what was told: each works in a process of its own, one for each transcript.

Rules
1. Whatever an engine does (crash, hang, eat memory) ends its process and nothing else.  A process has a time that
   grows with the sound; it is killed then.  It dies with whoever started it.
2. One that dies before it has its model is `EngineUnusable`: no other sound would fare better.  Later, it is an
   `EngineFault` of this sound.
3. An engine that can't do its work well says so in the remark, and its words have no confidence that they don't
   deserve: a model of a few hundred words makes words of whatever it hears.

The child: `ivr.speech.transcribe_child`.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from domain.transcription import Transcription, Word
from ivr.ports import EngineFault, EngineUnusable

RATE: Final = 8000
"""Samples a second of what engines are given."""
LOADS: Final = 180.0
"""Seconds in which an engine must have its model."""
SLOWEST: Final = 12.0
"""Seconds that an engine may take for a second of sound, on a machine that has other things to do."""
_PROJECT: Final = str(Path(__file__).resolve().parents[2])
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class InAProcess:
    """What the engines share.  kind: which one the child shall be; models: language (ISO 639-1) -> directory."""

    def __init__(self, kind: str, models: Mapping[str, Path]) -> None:
        self._kind = kind
        self._models = dict(models)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @property
    def name(self) -> str:
        """By which its work is known."""
        return self._kind

    @property
    def languages(self) -> frozenset[str]:
        """What there are models for."""
        return frozenset(self._models)

    def transcribe(self, audio: bytes, language: str) -> Transcription:
        """As `ivr.ports.Transcriber.transcribe`."""
        try:
            model = self._models[language]
        except KeyError:
            raise EngineUnusable(
                f"{self._kind} has no model for {language!r}: `ivr models` tells how to get one"
            ) from None
        seconds = len(audio) / 2 / RATE
        child = subprocess.Popen(
            self._command(model, language),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(),
        )  # fmt: skip
        self._child = child
        if self._stopped:
            child.kill()
        try:
            out, err = child.communicate(audio, timeout=LOADS + SLOWEST * seconds)
        except subprocess.TimeoutExpired:
            raise EngineFault(f"{self._kind} was not done with {seconds:.0f} s of sound in time") from None
        finally:
            child.kill()  # nothing to one that has ended; no child outlives an interruption
            with contextlib.suppress(ValueError):
                child.communicate()
        return self._judge(out.decode(errors="replace"), err.decode(errors="replace"), child.returncode, model)

    def stop(self) -> None:
        """As `ivr.ports.Transcriber.stop`."""
        self._stopped = True
        if self._child is not None:
            self._child.kill()

    def _command(self, model: Path, language: str) -> list[str]:
        child = "ivr.speech.transcribe_child"
        return [sys.executable, "-m", child, self._kind, str(model), language, str(os.getpid())]

    def _judge(self, out: str, err: str, code: int, model: Path) -> Transcription:
        lines = out.splitlines()
        loaded = bool(lines) and lines[0] == "loaded"
        if code == 0 and loaded and len(lines) == 2:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                return _understood(json.loads(lines[1]))
            raise EngineFault(f"{self._kind} said what is no transcription: {lines[1][:100]}")
        if code == 2 and lines:
            raise EngineUnusable(f"{self._kind}: {lines[-1]}")
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        last = err.strip().rpartition("\n")[2][:200]
        what = f"{self._kind} {how}" + (f" ({last})" if last else "")
        if not loaded:
            raise EngineUnusable(f"{what} while it loaded {model}: try it with `ivr models`")
        raise EngineFault(what)


class Vosk(InAProcess):
    """Vosk without a grammar: every word that the model knows may have been said."""

    def __init__(self, models: Mapping[str, Path]) -> None:
        super().__init__("vosk", models)


class Whisper(InAProcess):
    """faster-whisper (the extra `whisper`) with a model in CTranslate2's format that the operator has put there.

    One model for all our languages.
    """

    def __init__(self, model: Path) -> None:
        super().__init__("whisper", dict.fromkeys(("uk", "ru", "en"), model))


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (_PROJECT, os.environ.get("PYTHONPATH"))))
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def _understood(told: Any) -> Transcription:
    return Transcription(tuple(Word(*word) for word in told["words"]), told["model"], told["remark"])
