"""RHVoice, the synthesiser: how it comes onto the machine without root, and how it speaks.

Rules
1. It is fetched by apt from the machine's own mirror with the machine's own keys, into a state of its own;
   the only thing added to the machine's sources is the component that holds RHVoice (Debian: non-free, for
   the training of its voices cannot be repeated). ``IVR_APT_MIRROR`` names another mirror. dpkg-deb unpacks.
2. The engine is LGPL-2.1+. A voice may speak here only if Debian's copyright file puts it under LGPL-2.1+,
   too: what it says is shipped. ``Engine`` reads that file and refuses any other voice.
3. RHVoice ends every utterance like a sentence. A clip that leads on is spoken before a carrier word and cut
   off in the stop that the carrier begins with ("сорок п'ять, | потім"): its melody rises, or runs on.
"""

import ctypes as c
import fcntl
import fnmatch
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from prompts.sound import Samples, frame_db

MIRROR_VARIABLE = "IVR_APT_MIRROR"
LIBRARIES = ("libsonic.so.0", "libRHVoice_core.so.7", "libRHVoice.so.5")
PACKAGES = ("libsonic0", "librhvoice-core7", "librhvoice5", "rhvoice-ukrainian", "rhvoice-russian", "rhvoice-english")
COMPONENTS = {"debian": "non-free", "ubuntu": "universe multiverse"}
SPACE = 600_000_000
"""Bytes: packages and the tree together."""

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done (0 to 1)."""


class CannotSpeak(Exception):
    """RHVoice cannot be had or cannot be used here; the message says why and what would help."""


# -- getting it ----------------------------------------------------------------------------------------


def install(data: Path, progress: Progress = lambda _what, _share: None) -> Path:
    """The root of an unpacked RHVoice below ``data``; fetches it if it isn't there. Raises CannotSpeak."""
    home = data.resolve() / "rhvoice"
    root = home / "root"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home):
            if not root.is_dir():
                _fetch(home, root, progress)
    except OSError as fault:
        raise CannotSpeak(f"can't write to {home}: {fault.strerror or fault}") from fault
    return root


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(home: Path, root: Path, progress: Progress) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise CannotSpeak(
                f"{tool} is not on this machine. The prompts are committed with the project, so this is needed to "
                "change them only: run `ivr prompts render` on Debian, Ubuntu or in a container of them."
            )
    if (free := shutil.disk_usage(home).free) < SPACE:
        raise CannotSpeak(f"{home} has {free / 1e6:.0f} MB free and RHVoice needs {SPACE / 1e6:.0f} MB: free some")
    options = apt_state(home / "apt")
    progress("reading the list of packages", 0.0)
    _run(["apt-get", *options, "update"], home)
    packages = home / "packages"
    packages.mkdir(exist_ok=True)
    for number, package in enumerate(PACKAGES):
        progress(f"fetching {package}", 0.1 + 0.6 * number / len(PACKAGES))
        _run(["apt-get", *options, "download", package], packages)
    new = home / "root.new"
    shutil.rmtree(new, ignore_errors=True)
    for number, package in enumerate(PACKAGES):
        progress(f"unpacking {package}", 0.7 + 0.3 * number / len(PACKAGES))
        archive = max(packages.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        _run(["dpkg-deb", "--extract", str(archive), str(new)], home)
    for rubbish in (packages, home / "apt"):
        shutil.rmtree(rubbish)
    new.rename(root)
    progress("RHVoice is ready", 1.0)


def apt_state(home: Path) -> list[str]:
    """Options that give apt a state of its own, and the machine's sources with RHVoice's component added."""
    for folder in ("state/lists/partial", "cache/archives/partial", "sources.d"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "status").touch()
    release = _os_release()
    added = COMPONENTS.get(release.get("ID", ""), COMPONENTS["debian"])
    if mirror := os.environ.get(MIRROR_VARIABLE):
        suite = release.get("VERSION_CODENAME", "stable")
        keys = Path(f"/usr/share/keyrings/{release.get('ID', 'debian')}-archive-keyring.gpg")
        signed = f"[signed-by={keys}] " if keys.is_file() else ""
        (home / "sources.d/mirror.list").write_text(f"deb {signed}{mirror} {suite} main {added}\n", "utf-8")
    else:
        etc = Path("/etc/apt")
        for file in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
            if file.suffix in (".list", ".sources") and file.is_file():
                text = file.read_text("utf-8", errors="replace")
                (home / "sources.d" / file.name).write_text(with_component(text, added), "utf-8")
    settings = {
        "Dir::State": home / "state",
        "Dir::State::status": home / "status",
        "Dir::Cache": home / "cache",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": home / "sources.d",
        "APT::Sandbox::User": "root",  # else apt's own user would have to be let into our folders
        "Acquire::Languages": "none",
        "Acquire::Retries": 2,
        "Acquire::http::Timeout": 20,
    }
    lines = [f"#clear APT::Update::{hook};" for hook in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
    lines += [f'{name} "{value}";' for name, value in settings.items()]
    (home / "apt.conf").write_text("\n".join(lines) + "\n", "utf-8")
    return ["-c", str(home / "apt.conf"), "--quiet"]


def with_component(text: str, added: str) -> str:
    """sources.list(5) in either notation, with ``added`` after every component ``main``."""
    return re.sub(r"^((?:deb\s|Components:).*?\bmain\b)", rf"\1 {added}", text, flags=re.MULTILINE)


def _os_release() -> dict[str, str]:
    try:
        text = Path("/etc/os-release").read_text("utf-8")
    except OSError:
        return {}
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in text.splitlines())}


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False
    )
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise CannotSpeak(
            f"`{' '.join(command[:1] + command[-2:])}` failed:\n{said}\n"
            "RHVoice is needed to change prompts only. Is the network up, and does this machine's release have "
            f"RHVoice (Debian 12 and later)? {MIRROR_VARIABLE} names another mirror."
        )


# -- whose voice it is -----------------------------------------------------------------------------------


def licence(copyright_file: str, voice: str) -> str:
    """The licence of ``voice`` by a machine-readable debian/copyright: its last matching paragraph counts."""
    found = ""
    for paragraph in re.split(r"\n\s*\n", copyright_file):
        files = re.search(r"^Files:((?:.*\n)(?:[ \t].*\n)*)", paragraph + "\n", re.MULTILINE)
        named = re.search(r"^License:[ \t]*(\S+)", paragraph, re.MULTILINE)
        path = f"data/voices/{voice.lower()}/voice.info"
        if files and named and any(fnmatch.fnmatchcase(path, pattern) for pattern in files[1].split()):
            found = named[1]
    return found


# -- speaking --------------------------------------------------------------------------------------------

_ON_RATE = c.CFUNCTYPE(c.c_int, c.c_int, c.c_void_p)
_ON_SPEECH = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_uint, c.c_void_p)
_ON_OTHER = c.CFUNCTYPE(c.c_int)  # callbacks we leave empty
_OTHERS = ("process_mark", "word_starts", "word_ends", "sentence_starts", "sentence_ends", "play_audio", "done")


class _Callbacks(c.Structure):
    """RHVoice_callbacks of RHVoice.h 1.8."""

    _fields_ = [
        ("set_sample_rate", _ON_RATE),
        ("play_speech", _ON_SPEECH),
        *((name, _ON_OTHER) for name in _OTHERS),
    ]


class _Init(c.Structure):
    """RHVoice_init_params."""

    _fields_ = [
        ("data_path", c.c_char_p),
        ("config_path", c.c_char_p),
        ("resource_paths", c.POINTER(c.c_char_p)),
        ("callbacks", _Callbacks),
        ("options", c.c_uint),
    ]


class _Synthesis(c.Structure):
    """RHVoice_synth_params."""

    _fields_ = [
        ("voice_profile", c.c_char_p),
        ("absolute_rate", c.c_double),
        ("absolute_pitch", c.c_double),
        ("absolute_volume", c.c_double),
        ("relative_rate", c.c_double),
        ("relative_pitch", c.c_double),
        ("relative_volume", c.c_double),
        ("punctuation_mode", c.c_int),
        ("punctuation_list", c.c_char_p),
        ("capitals_mode", c.c_int),
        ("flags", c.c_int),
    ]


class Engine:
    """RHVoice loaded from an unpacked tree. One utterance at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            folder = next(root.glob(f"usr/lib/*/{LIBRARIES[-1]}")).parent
            libraries = [c.CDLL(str(folder / name), mode=c.RTLD_GLOBAL) for name in LIBRARIES]
        except (StopIteration, OSError) as fault:
            raise CannotSpeak(
                f"RHVoice in {root} can't be loaded ({fault}): delete {root.parent} and render again"
            ) from None
        self._lib = libraries[-1]
        self._lib.RHVoice_new_tts_engine.restype = c.c_void_p
        self._lib.RHVoice_new_tts_engine.argtypes = [c.POINTER(_Init)]
        self._lib.RHVoice_new_message.restype = c.c_void_p
        self._lib.RHVoice_new_message.argtypes = [
            c.c_void_p,
            c.c_char_p,
            c.c_uint,
            c.c_int,
            c.POINTER(_Synthesis),
            c.c_void_p,
        ]
        self._lib.RHVoice_speak.argtypes = [c.c_void_p]
        self._lib.RHVoice_delete_message.argtypes = [c.c_void_p]
        self._heard: list[Samples] = []
        self._rate = 0
        self._keep = (_ON_RATE(self._on_rate), _ON_SPEECH(self._on_speech))  # C holds no reference
        none = [_ON_OTHER(0)] * len(_OTHERS)
        self._init = _Init(
            os.fsencode(root / "usr/share/RHVoice"),
            os.fsencode(root / "etc/RHVoice"),
            None,
            _Callbacks(*self._keep, *none),
            0,
        )
        self._engine = self._lib.RHVoice_new_tts_engine(c.byref(self._init))
        if not self._engine:
            raise CannotSpeak(f"RHVoice in {root} does not start: delete {root.parent} and render again")
        self._carriers: dict[tuple[str, str, float], float] = {}

    def licence(self, voice: str) -> str:
        """The licence of a voice by the copyright files of the unpacked packages; "" if there is none."""
        files = sorted(self.root.glob("usr/share/doc/rhvoice-*/copyright"))
        here = (self.root / "usr/share/RHVoice/voices" / voice.lower()).is_dir()
        return licence(files[0].read_text("utf-8"), voice) if files and here else ""

    def check_licence(self, voice: str) -> None:
        """Raises CannotSpeak unless what ``voice`` says may be shipped."""
        if not (found := self.licence(voice)).startswith("LGPL-2.1"):
            raise CannotSpeak(f"the voice {voice} is under {found or 'no licence'}: only LGPL-2.1+ may be shipped")

    def say(self, text: str, voice: str, rate: float = 1.0) -> tuple[Samples, int]:
        """Speak ``text``: samples and sample rate in Hz. ``rate`` 1.0 is the voice's own pace."""
        self._heard = []
        manner = _Synthesis(voice.encode(), 0, 0, 0, rate, 1, 1, 0, None, 0, 0)
        raw = text.encode()
        message = self._lib.RHVoice_new_message(self._engine, raw, len(raw), 0, c.byref(manner), None)
        if not message:
            raise CannotSpeak(f"RHVoice refuses to say {text!r} with the voice {voice}")
        try:
            self._lib.RHVoice_speak(message)
        finally:
            self._lib.RHVoice_delete_message(message)
        if not self._heard or not self._rate:
            raise CannotSpeak(f"RHVoice said nothing for {text!r} with the voice {voice}")
        return np.concatenate(self._heard), self._rate

    def say_before(self, text: str, joint: str, carrier: str, voice: str, rate: float = 1.0) -> tuple[Samples, int]:
        """Speak ``text`` as if ``carrier`` followed after ``joint`` (", " or " "), without the carrier.

        The carrier starts with an unvoiced stop, that is, with some 50 ms of silence. Where it stands is
        known from its length when spoken alone, to some 50 ms; the cut is the last quiet moment there (an
        earlier one may be a stop inside ``text``, as in "четырес-та").
        """
        sound, hertz = self.say(f"{text}{joint}{carrier}.", voice, rate)
        end = len(sound) / hertz - self._length(carrier, voice, rate)
        step = hertz // 100
        levels = frame_db(sound, step)
        first, last = max(0, int((end - 0.12) * 100)), int((end + 0.04) * 100)
        near = levels[first:last]
        quiet = first + int(np.flatnonzero(near < near.min() + 8)[-1])
        return sound[: quiet * step + step // 2], hertz

    def _length(self, carrier: str, voice: str, rate: float) -> float:
        """Seconds from the first sound of a carrier to the end of its utterance."""
        key = (carrier, voice, rate)
        if key not in self._carriers:
            sound, hertz = self.say(f"{carrier}.", voice, rate)
            levels = frame_db(sound, hertz // 100)
            onset = int(np.flatnonzero(levels > levels.max() - 26)[0])
            self._carriers[key] = len(sound) / hertz - onset / 100
        return self._carriers[key]

    def _on_rate(self, rate: int, _user: object) -> int:
        self._rate = rate
        return 1

    def _on_speech(self, samples: "c._Pointer[c.c_short]", count: int, _user: object) -> int:
        self._heard.append(np.ctypeslib.as_array(samples, (count,)).astype(np.float64) / 32768)
        return 1
