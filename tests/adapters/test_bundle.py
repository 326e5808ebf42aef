"""Where Asterisk comes from: reading apt's sources, finding a bundle, refusing with a reason."""

import json
import platform
from pathlib import Path

import pytest

from ivr.asterisk import apt, bundle
from ivr.asterisk.apt import Source
from ivr.asterisk.bundle import CannotInstall
from ivr.asterisk.config import MODULES

NOWHERE = "/nonexistent"

DEB822 = """\
# written by the installer
Types: deb deb-src
URIs: https://one.example/debian
  https://two.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
# an old key stood here
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: https://one.example/debian-security
Suites: bookworm-security
Components: main
Enabled: yes

Types: deb
URIs: https://off.example/debian
Suites: trixie
Components: main
Enabled: no
"""

EMBEDDED = """\
Types: deb
URIs: https://keys.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_deb822_stanzas_give_one_source_per_address():
    sources = list(apt.parse_deb822(DEB822))
    assert [source.uri for source in sources] == [
        "https://one.example/debian",
        "https://two.example/debian/",
        "https://one.example/debian-security",
    ]
    assert sources[0].suites == ("bookworm", "bookworm-updates")
    assert sources[0].components == ("main", "contrib")
    assert sources[0].signed_by == "/usr/share/keyrings/debian.gpg"


def test_a_key_inside_a_stanza_is_handed_on_as_it_stands():
    (source,) = apt.parse_deb822(EMBEDDED)
    (again,) = apt.parse_deb822(source.stanza("testing", "amd64"))
    assert again.signed_by == source.signed_by
    assert " mQINBF" in again.signed_by


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb https://x.example/debian bookworm main", Source("https://x.example/debian", ("bookworm",), ("main",))),
        (
            "deb [ arch=amd64 signed-by=/k/a.gpg,/k/b.gpg ] https://x.example/debian sid main non-free # note",
            Source("https://x.example/debian", ("sid",), ("main", "non-free"), "/k/a.gpg /k/b.gpg"),
        ),
        (
            "deb [trusted=yes] file:/srv/mirror sid main",
            Source("file:/srv/mirror", ("sid",), ("main",), trusted=True),
        ),
        ("  deb\thttp://x.example/debian\tsid\tmain", Source("http://x.example/debian", ("sid",), ("main",))),
    ],
)
def test_one_line_sources_are_read_with_their_options(line: str, expected: Source):
    assert list(apt.parse_one_line(line)) == [expected]


@pytest.mark.parametrize("line", ["# deb http://x.example/debian sid main", "deb-src http://x.example sid main", ""])
def test_comments_and_source_packages_are_no_sources(line: str):
    assert list(apt.parse_one_line(line)) == []


def test_both_notations_are_read_from_the_machine(tmp_path: Path):
    (tmp_path / "sources.list").write_text("deb http://a.example/debian sid main\n")
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/c.list").write_text("deb http://c.example/debian sid main\n")
    (tmp_path / "sources.list.d/d.list.disabled").write_text("deb http://d.example/debian sid main\n")
    hosts = [source.uri.split("/")[2] for source in apt.machine_sources(tmp_path)]
    assert hosts == ["a.example", "one.example", "two.example", "one.example", "c.example"]


def test_a_machine_without_apt_has_no_sources(tmp_path: Path):
    assert apt.machine_sources(tmp_path / "etc/apt") == []


def test_the_running_release_is_asked_first_and_security_never():
    sources = [
        Source("https://tool.example/deb", ("nodistro",), ("main",)),
        Source("https://m.example/debian-security", ("bookworm-security",), ("main",)),
        Source("cdrom:[Debian]/", ("bookworm",), ("main",)),
        Source("https://m.example/debian/", ("bookworm", "bookworm-updates"), ("main",)),
        Source("https://m.example/debian", ("bookworm-updates",), ("main",)),
        Source("https://v.example/apt", ("stable",), ("contrib",)),
    ]
    found = [source.uri for source in apt.candidates(sources, release="bookworm")]
    assert found == ["https://m.example/debian", "https://tool.example/deb"]


def test_a_mirror_named_by_the_environment_replaces_the_machines_sources(tmp_path: Path):
    keyring = tmp_path / "debian.gpg"
    keyring.touch()
    sources = [Source("https://m.example/debian", ("sid",), ("main",))]
    (only,) = apt.candidates(sources, "https://other.example/debian", keyring=keyring)
    assert only.uri == "https://other.example/debian"
    assert only.signed_by == str(keyring)


def test_a_stanza_asks_for_testing_with_the_keys_of_its_source():
    text = Source("https://m.example/debian", ("sid",), ("main",), "/k.gpg", trusted=True).stanza("testing", "arm64")
    assert text.splitlines() == [
        "Types: deb",
        "URIs: https://m.example/debian",
        "Suites: testing",
        "Components: main",
        "Architectures: arm64",
        "Signed-By: /k.gpg",
        "Trusted: yes",
    ]


# --- finding -------------------------------------------------------------------------------------------


def plant(data: Path, version: str, *, marker: bool = True, machine: str = "", without: str = "") -> Path:
    """A bundle's tree as install() leaves it, with empty files for programs."""
    tree = data / "asterisk" / version
    modules = tree / "usr/lib/some-linux-gnu/asterisk/modules"
    modules.mkdir(parents=True)
    for name in MODULES:
        if name != without:
            (modules / f"{name}.so").touch()
    (tree / "usr/lib64").mkdir()
    (tree / "usr/lib64/ld-linux-some.so.2").touch()
    if marker:
        facts = {"version": version, "machine": machine or platform.machine(), "packages": []}
        (tree / bundle.MARKER).write_text(json.dumps(facts))
    return tree


def test_nothing_is_found_where_nothing_is(tmp_path: Path):
    assert bundle.find(tmp_path, path=NOWHERE) is None


def test_a_tree_without_its_marker_is_never_a_bundle(tmp_path: Path):
    plant(tmp_path, "22.10.1", marker=False)
    assert bundle.find(tmp_path, path=NOWHERE) is None


def test_the_newest_whole_bundle_is_found_by_number_not_by_letter(tmp_path: Path):
    for version in ("22.9.0", "22.10.1"):
        plant(tmp_path, version)
    plant(tmp_path, "22.11.0", marker=False)
    found = bundle.find(tmp_path, path=NOWHERE)
    assert found
    assert found.version == "22.10.1"


def test_a_bundle_of_another_architecture_or_without_a_module_is_passed_over(tmp_path: Path):
    plant(tmp_path, "22.12.0", machine="vax")
    plant(tmp_path, "22.11.0", without="app_stasis_broadcast")
    plant(tmp_path, "22.10.1")
    found = bundle.find(tmp_path, path=NOWHERE)
    assert found
    assert found.version == "22.10.1"


def test_an_unpacked_program_is_started_by_its_own_loader(tmp_path: Path):
    tree = plant(tmp_path, "22.10.1")
    found = bundle.find(tmp_path, path=NOWHERE)
    assert found
    libraries = tree / "usr/lib/some-linux-gnu"
    assert found.argv("-V") == [
        str(tree / "usr/lib64/ld-linux-some.so.2"),
        "--library-path",
        f"{libraries}:{libraries / 'asterisk'}",
        str(tree / "usr/sbin/asterisk"),
        "-V",
    ]


def install_program(prefix: Path, version: str) -> str:
    """A machine's own Asterisk that can say its version. Returns the PATH to find it by."""
    program = prefix / "sbin/asterisk"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'Asterisk {version}'\n")
    program.chmod(0o755)
    modules = prefix / "lib/asterisk/modules"
    modules.mkdir(parents=True)
    for name in MODULES:
        (modules / f"{name}.so").touch()
    (prefix / "share/asterisk/documentation").mkdir(parents=True)
    return str(program.parent)


def test_an_installed_asterisk_that_is_new_enough_is_preferred(tmp_path: Path):
    plant(tmp_path, "22.10.1")
    path = install_program(tmp_path / "usr", "22.7.0~dfsg+1")
    found = bundle.find(tmp_path, path=path)
    assert found
    assert found.root is None
    assert found.argv("-f") == [str(tmp_path / "usr/sbin/asterisk"), "-f"]


@pytest.mark.parametrize("version", ["20.16.0", "22.6.1", "certified/20.7-cert1"])
def test_an_installed_asterisk_that_is_too_old_is_passed_over(tmp_path: Path, version: str):
    plant(tmp_path, "22.10.1")
    found = bundle.find(tmp_path, path=install_program(tmp_path / "usr", version))
    assert found
    assert found.root


def test_an_installed_asterisk_without_our_modules_is_passed_over(tmp_path: Path):
    path = install_program(tmp_path / "usr", "22.9.0")
    (tmp_path / "usr/lib/asterisk/modules/app_stasis_broadcast.so").unlink()
    assert bundle.find(tmp_path, path=path) is None


# --- installing ----------------------------------------------------------------------------------------


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No programs, and every attempt to start one fails the test."""
    monkeypatch.setenv("PATH", NOWHERE)
    monkeypatch.setattr(bundle, "_installed", lambda _path: None)


def test_a_whole_bundle_is_used_without_starting_any_program(tmp_path: Path, bare_machine: None):
    plant(tmp_path, "22.10.1")
    assert bundle.install(tmp_path).version == "22.10.1"


def test_a_machine_without_apt_is_told_what_is_missing(tmp_path: Path, bare_machine: None):
    with pytest.raises(CannotInstall, match=r"apt-get .* is not on this machine.*Asterisk 22\.7"):
        bundle.install(tmp_path)


def test_a_full_disk_is_named_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundle, "_installed", lambda _path: None)
    monkeypatch.setattr(bundle.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(bundle, "SPACE", 10**18)
    with pytest.raises(CannotInstall, match="MB free and Asterisk needs"):
        bundle.install(tmp_path)


def test_a_data_directory_with_a_colon_is_refused(tmp_path: Path, bare_machine: None):
    with pytest.raises(CannotInstall, match="colon"):
        bundle.install(tmp_path / "a:b")


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path, bare_machine: None):
    (tmp_path / "data").write_text("")
    with pytest.raises(CannotInstall, match="can't write"):
        bundle.install(tmp_path / "data")


PLAN = """\
NOTE: This is only a simulation!
Inst libc6 (2.42-1 Debian:testing [amd64])
Inst asterisk-config (1:22.10.1-1 Debian:testing [all]) []
Inst asterisk (1:22.10.1-1 Debian:testing, Debian:unstable [amd64])
Conf libc6 (2.42-1 Debian:testing [amd64])
"""


def test_the_plan_names_the_files_and_none_that_an_older_run_left(tmp_path: Path):
    names = ["libc6_2.42-1_amd64.deb", "asterisk-config_1%3a22.10.1-1_all.deb", "asterisk_1%3a22.10.1-1_amd64.deb"]
    for name in [*names, "libc6_2.41-9_amd64.deb"]:
        (tmp_path / name).touch()
    assert [file.name for file in bundle.archives(PLAN, tmp_path)] == names


def test_a_package_that_did_not_arrive_is_named(tmp_path: Path):
    (tmp_path / "libc6_2.42-1_amd64.deb").touch()
    with pytest.raises(CannotInstall, match="asterisk-config_1%3a22"):
        bundle.archives(PLAN, tmp_path)
