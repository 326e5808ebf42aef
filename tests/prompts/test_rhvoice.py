"""How the synthesiser comes onto a machine, and whose voice may speak. apt and dpkg are stand-ins here."""

import os
from pathlib import Path

import pytest

from prompts import rhvoice
from prompts.rhvoice import CannotSpeak, install, licence, with_component


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("deb http://x/debian bookworm main\n", "deb http://x/debian bookworm main non-free\n"),
        (
            "deb [signed-by=/k.gpg] http://x/debian bookworm main contrib # ours\n",
            "deb [signed-by=/k.gpg] http://x/debian bookworm main non-free contrib # ours\n",
        ),
        ("# deb http://x/debian bookworm main\n", "# deb http://x/debian bookworm main\n"),
        ("deb http://x/apt stable universe\n", "deb http://x/apt stable universe\n"),
        (
            "Types: deb\nURIs: http://x/debian\nSuites: trixie\nComponents: main contrib\nSigned-By: /k\n",
            "Types: deb\nURIs: http://x/debian\nSuites: trixie\nComponents: main non-free contrib\nSigned-By: /k\n",
        ),
    ],
)
def test_only_the_component_is_added_to_the_machines_sources(before: str, after: str) -> None:
    assert with_component(before, "non-free") == after


COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: Somebody
License: GPL-3+

Files: data/*
Copyright: Olga
License: LGPL-2.1+
 Text of the licence.

Files: data/voices/one/*
       data/voices/two/*
Copyright: Artem
License: CC-BY-NC-ND-4.0

License: LGPL-2.1+
 Files: data/voices/natalia/* is not a paragraph of files
"""


@pytest.mark.parametrize(
    ("voice", "expected"), [("Natalia", "LGPL-2.1+"), ("One", "CC-BY-NC-ND-4.0"), ("two", "CC-BY-NC-ND-4.0")]
)
def test_the_last_paragraph_that_names_a_voice_tells_its_licence(voice: str, expected: str) -> None:
    assert licence(COPYRIGHT, voice) == expected


APT = """#!/bin/sh
echo "apt-get $*" >> "$LOG"
case "$*" in
  *$FAIL*) echo "E: Unable to locate package $FAIL" >&2; exit 100;;
  *download*) for last; do :; done; echo package > "${last}_1_all.deb";;
esac
"""
DPKG = """#!/bin/sh
echo "dpkg-deb $*" >> "$LOG"
mkdir -p "$3/usr/share/RHVoice/voices" && touch "$3/usr/share/RHVoice/$(basename "$2")"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-ins write down how they were called."""
    for name, content in (("apt-get", APT), ("dpkg-deb", DPKG)):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FAIL", "-nothing-")
    monkeypatch.delenv(rhvoice.MIRROR_VARIABLE, raising=False)
    return tmp_path / "log"


def test_it_is_fetched_once_and_unpacked_whole(tmp_path: Path, log: Path) -> None:
    told: list[float] = []
    root = install(tmp_path / "data", lambda _what, share: told.append(share))
    assert len(list((root / "usr/share/RHVoice").glob("*.deb"))) == len(rhvoice.PACKAGES)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert sorted(path.name for path in root.parent.iterdir()) == [".lock", "root"]
    calls = log.read_text()
    assert install(tmp_path / "data") == root
    assert log.read_text() == calls


def test_a_fetch_that_failed_says_why_and_can_be_repeated(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "rhvoice-russian")
    with pytest.raises(CannotSpeak, match="Unable to locate package rhvoice-russian"):
        install(tmp_path / "data")
    assert not (tmp_path / "data/rhvoice/root").exists()
    monkeypatch.setenv("FAIL", "-nothing-")
    assert install(tmp_path / "data").is_dir()


def test_another_mirror_replaces_the_machines(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rhvoice.MIRROR_VARIABLE, "http://127.0.0.1:1/debian")
    monkeypatch.setenv("FAIL", "rhvoice-english")  # keeps the state of apt for us to look at
    with pytest.raises(CannotSpeak):
        install(tmp_path / "data")
    sources = list((tmp_path / "data/rhvoice/apt/sources.d").iterdir())
    assert [path.name for path in sources] == ["mirror.list"]
    line = sources[0].read_text()
    assert line.startswith("deb ")
    assert " http://127.0.0.1:1/debian " in line


def test_a_machine_without_apt_is_told_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotSpeak, match="apt-get is not on this machine"):
        install(tmp_path / "data")


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(CannotSpeak, match="can't write to"):
        install(tmp_path / "data")


def test_a_tree_without_the_library_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CannotSpeak, match="render again"):
        rhvoice.Engine(tmp_path / "rhvoice/root")
