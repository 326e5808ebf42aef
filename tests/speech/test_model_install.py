"""Installing models: from addresses, archives and directories, whole and tried, or not at all.

The server is a real one, on loopback; what is damaged is really damaged, and a disk that is full refuses to grow.
"""

import hashlib
import io
import re
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ivr.speech.models import BadModel, CannotInstall, Shelf, ShelfFault, find, install, verify
from ivr.speech.models.shelf import PROOF

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NAME = "vosk-model-test-uk"


def silent(what, done, of):
    pass


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "data")


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """The project's model as its makers would pack it: in a folder of its own name."""
    place = tmp_path_factory.mktemp("archives")
    shutil.copytree(PROOF, place / "in" / NAME)
    shutil.make_archive(str(place / NAME), "zip", place / "in", NAME)
    shutil.make_archive(str(place / NAME), "gztar", place / "in", NAME)
    return place


@pytest.fixture
def archive(archives):
    return archives / f"{NAME}.zip"


def left_over(shelf):
    """What lies on the shelf beside models, the record and the lock."""
    if not shelf.place.exists():
        return []
    return sorted(p.name for p in shelf.place.iterdir() if p.name not in (NAME, "models.json", ".lock"))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_becomes_a_model_that_its_languages_have(shelf, archives, kind):
    told = []
    source = archives / f"{NAME}.{kind}"

    model = install(shelf, str(source), ("uk",), NOW, lambda *t: told.append(t), sha256=sha256(source).upper())

    assert (model.name, model.words, model.directory) == (NAME, 348, shelf.place / NAME)
    assert find(shelf.place.parent, {}) == {"uk": shelf.place / NAME, "ru": PROOF}
    assert verify(shelf.place / NAME).words == 348
    assert shelf.record().models[NAME].archive == sha256(source)
    assert {what for what, _, _ in told} == {"unpacking", "trying"}
    assert left_over(shelf) == []


def test_a_directory_is_copied_and_may_then_go(shelf, archives, tmp_path):
    mine = shutil.copytree(archives / "in" / NAME, tmp_path / "mine")

    install(shelf, str(mine), ("ru",), NOW, silent)
    shutil.rmtree(mine)

    assert verify(find(shelf.place.parent, {})["ru"]).name == "mine"


def test_a_model_that_is_here_can_be_given_to_another_language(shelf, archive):
    install(shelf, str(archive), ("uk",), NOW, silent)
    install(shelf, NAME, ("ru", "en"), NOW, silent)

    assert set(find(shelf.place.parent, {}).values()) == {shelf.place / NAME}


def test_files_without_a_folder_are_named_after_the_archive(shelf, tmp_path):
    shutil.make_archive(str(tmp_path / "bare"), "zip", PROOF)

    assert install(shelf, str(tmp_path / "bare.zip"), ("uk",), NOW, silent).name == "bare"


def test_installing_again_replaces_the_model(shelf, archive):
    install(shelf, str(archive), ("uk",), NOW, silent)
    (shelf.place / NAME / "am" / "final.mdl").unlink()

    install(shelf, str(archive), ("uk",), NOW, silent)

    assert verify(shelf.place / NAME).words == 348
    assert left_over(shelf) == []


def test_another_checksum_is_another_file(shelf, archive):
    with pytest.raises(CannotInstall, match=f"not the file that was meant: its SHA-256 is {sha256(archive)}, not 00"):
        install(shelf, str(archive), ("uk",), NOW, silent, sha256="0" * 64)

    assert shelf.at_hand().keys() == {PROOF.name}


@pytest.mark.parametrize(
    ("wrong", "complaint"), [("12ab", "64 hexadecimal digits"), ("g" * 64, "64 hexadecimal digits")]
)
def test_a_checksum_that_is_none_is_refused_before_any_work(shelf, archive, wrong, complaint):
    with pytest.raises(CannotInstall, match=complaint):
        install(shelf, str(archive), ("uk",), NOW, silent, sha256=wrong)


# Archives that are damaged, or hostile


def packed(tmp_path, *files, **more):
    place = tmp_path / "odd.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (*files, *more.items()):
            zipped.writestr(name, content)
    return place


def taped(tmp_path, *members):
    place = tmp_path / "odd.tar.gz"
    with tarfile.open(place, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return place


def refused(shelf, source, complaint, kind=CannotInstall):
    with pytest.raises(kind, match=complaint):
        install(shelf, str(source), ("uk",), NOW, silent)
    assert shelf.at_hand().keys() == {PROOF.name}
    assert shelf.record().languages == {}
    assert left_over(shelf) == []


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("share", [0.3, 0.999])
def test_an_archive_that_is_cut_off_is_refused(shelf, archives, tmp_path, kind, share):
    whole = (archives / f"{NAME}.{kind}").read_bytes()
    (tmp_path / f"cut.{kind}").write_bytes(whole[: int(len(whole) * share)])

    refused(shelf, tmp_path / f"cut.{kind}", r"cut off")


def test_an_archive_with_a_flipped_byte_is_refused(shelf, archive, tmp_path):
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(content)

    refused(shelf, tmp_path / "flipped.zip", "damaged")


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a/../../escaped", "..\\escaped", "C:escaped", "a\nb"])
def test_a_file_that_would_be_written_elsewhere_refuses_the_archive(shelf, tmp_path, name):
    refused(shelf, packed(tmp_path, (name, "x")), "written to another place")
    refused(shelf, taped(tmp_path, (tarfile.TarInfo(name), b"x")), "written to another place")

    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_refuse_the_archive(shelf, tmp_path, kind):
    odd = tarfile.TarInfo("am/final.mdl")
    odd.type, odd.linkname = kind, "/etc/passwd"

    refused(shelf, taped(tmp_path, (odd, b"")), "no plain file")


def test_a_link_in_a_zip_refuses_it(shelf, tmp_path):
    link = zipfile.ZipInfo("am/final.mdl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    refused(shelf, packed(tmp_path, (link, "/etc/passwd")), "no plain file")


def test_a_bomb_is_refused_before_it_is_unpacked(shelf, tmp_path):
    refused(shelf, packed(tmp_path, ("am/final.mdl", bytes(80 << 20))), "that is no model")
    refused(shelf, taped(tmp_path, (tarfile.TarInfo("am/final.mdl"), bytes(80 << 20))), "that is no model")


def test_too_many_files_are_refused(shelf, tmp_path):
    refused(shelf, packed(tmp_path, *((f"f{number}", "") for number in range(2001))), "2000 files")


def test_an_archive_of_something_else_is_refused(shelf, tmp_path):
    refused(shelf, packed(tmp_path, ("README", "hello")), "holds no Vosk model: nowhere in it is an am/final.mdl")


def test_what_is_no_archive_is_refused(shelf, tmp_path):
    (tmp_path / "page.zip").write_text("<html>not found</html>")

    refused(shelf, tmp_path / "page.zip", r"neither a \.zip nor a \.tar\.gz")


def test_an_archive_with_two_models_asks_which(shelf, tmp_path):
    refused(
        shelf, packed(tmp_path, ("a/am/final.mdl", "x"), ("b/am/final.mdl", "x")), r"several models \(a, b\)"
    )  # fmt: skip


def test_a_model_that_does_not_load_is_not_installed(shelf, archives, tmp_path):
    bad = shutil.copytree(archives / "in", tmp_path / "bad")
    with (bad / NAME / "graph" / "HCLr.fst").open("r+b") as file:
        file.truncate(50_000)
    shutil.make_archive(str(tmp_path / "bad"), "zip", bad)

    refused(shelf, tmp_path / "bad.zip", r"bad\.zip can't be used", BadModel)


def test_a_directory_that_lacks_a_file_is_not_even_copied(shelf, archives, tmp_path):
    bad = shutil.copytree(archives / "in" / NAME, tmp_path / "bad")
    (bad / "conf" / "mfcc.conf").unlink()

    refused(shelf, bad, r"conf/mfcc\.conf is missing", BadModel)


def test_a_name_that_is_nothing_here_is_told_so(shelf):
    refused(shelf, "vosk-model-small-uk-v3-small", "no such file, directory or installed model")


def test_a_full_disk_leaves_everything_as_it_was(shelf, archive, tmp_path):
    """Real writes that the system refuses: the process that installs may write no file above 4 MB."""
    program = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path; from ivr.speech.models import *\n"
        "install(Shelf(Path(sys.argv[1])), sys.argv[2], ('uk',), datetime.now(UTC), lambda *t: None)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(shelf.place.parent), str(archive)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert re.search(r"CannotInstall: the disk below .* is full .* nothing was changed", done.stderr)
    assert shelf.at_hand().keys() == {PROOF.name}
    assert left_over(shelf) == []


def test_only_one_at_a_time_changes_the_shelf(shelf, archive):
    with shelf.alone(), pytest.raises(ShelfFault, match="another `ivr models` is at work"):
        install(shelf, str(archive), ("uk",), NOW, silent)


def test_what_a_killed_installation_left_is_cleared_away_by_the_next(shelf, archive):
    with shelf.alone():
        (shelf.place / ".new-killed" / NAME).mkdir(parents=True)
        (shelf.place / ".old-killed" / NAME).mkdir(parents=True)

    install(shelf, str(archive), ("uk",), NOW, silent)

    assert left_over(shelf) == []


# From the web


class Site:
    """Serves one file on loopback.

    cut: bytes after which the next answer breaks off.  parts: whether it serves parts.  seen: what was asked for.
    """

    def __init__(self, content):
        self.content, self.cut, self.parts, self.version = content, None, True, '"1"'
        self.seen = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                site.seen.append((self.path, wanted))
                if "missing" in self.path:
                    self.send_error(404)
                    return
                start = 0
                if wanted and site.parts and self.headers.get("If-Range") == site.version:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
                else:
                    self.send_response(200)
                body = site.content[start:]
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", site.version)
                self.end_headers()
                cut, site.cut = site.cut, None
                self.wfile.write(body[:cut])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, path=f"/models/{NAME}.zip"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"


@pytest.fixture
def site(archive):
    site = Site(archive.read_bytes())
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_a_model_comes_from_an_address(shelf, site, archive):
    told = []

    install(shelf, site.address(), ("uk",), NOW, lambda *t: told.append(t), sha256=sha256(archive))

    assert find(shelf.place.parent, {})["uk"] == shelf.place / NAME
    assert ("downloading", len(site.content), len(site.content)) in told
    assert shelf.record().models[NAME].source == site.address()
    assert left_over(shelf) == []


def test_a_lost_connection_is_told_and_the_same_command_goes_on(shelf, site):
    site.cut = 5_000_000

    with pytest.raises(
        CannotInstall, match=r"lost after 4,882 kB of [\d,]+; what came is kept: run the same command"
    ):
        install(shelf, site.address(), ("uk",), NOW, silent)
    install(shelf, site.address(), ("uk",), NOW, silent)

    assert [wanted for _, wanted in site.seen] == [None, "bytes=5000000-"]
    assert verify(shelf.place / NAME).words == 348
    assert left_over(shelf) == []


@pytest.mark.parametrize("change", ["no parts", "another version"])
def test_where_it_can_t_go_on_it_begins_anew(shelf, site, change):
    site.cut = 5_000_000
    with pytest.raises(CannotInstall, match="lost"):
        install(shelf, site.address(), ("uk",), NOW, silent)
    if change == "no parts":
        site.parts = False
    else:
        site.version = '"2"'

    install(shelf, site.address(), ("uk",), NOW, silent)

    assert verify(shelf.place / NAME).words == 348


def test_an_address_that_leads_nowhere_is_told(shelf, site):
    refused(shelf, site.address("/missing.zip"), r"/missing\.zip answers 404 Not Found: is the address right\?")


def test_a_server_that_does_not_answer_is_told(shelf, site):
    address = site.address()
    site.server.shutdown()
    site.server.server_close()

    refused(shelf, address, "can't be reached: .*Run the same command again later")


def test_the_wrong_file_from_the_web_is_not_kept(shelf, site):
    with pytest.raises(CannotInstall, match="not the file that was meant"):
        install(shelf, site.address(), ("uk",), NOW, silent, sha256="0" * 64)

    assert left_over(shelf) == []


def test_secrets_in_an_address_are_not_written_down(shelf, site):
    address = site.address(f"/{NAME}.zip?token=secret")

    install(shelf, address, ("uk",), NOW, silent)

    assert "secret" not in (shelf.place / "models.json").read_text()


# Which model a language gets


def test_the_settings_go_before_what_was_installed_and_that_before_what_comes_along(shelf, archive, tmp_path):
    data = shelf.place.parent
    assert find(data, {}) == {"uk": PROOF, "ru": PROOF}

    install(shelf, str(archive), ("uk", "ru"), NOW, silent)
    own = tmp_path / "own"

    chosen = {"uk": PROOF.name, "en": str(own)}
    assert find(data, chosen) == {"uk": PROOF, "ru": shelf.place / NAME, "en": own}
    assert find(data, {"uk": "none", "ru": ""}) == {}


def test_a_model_that_is_removed_leaves_its_languages_to_what_comes_along(shelf, archive):
    install(shelf, str(archive), ("uk",), NOW, silent)

    with shelf.alone():
        assert shelf.drop(NAME) == ("uk",)

    assert find(shelf.place.parent, {})["uk"] == PROOF
    assert not (shelf.place / NAME).exists()
    with shelf.alone(), pytest.raises(ShelfFault, match="no model 'proof-uk-ru' is installed"):
        shelf.drop(PROOF.name)


def test_a_damaged_record_is_told_and_nothing_is_overwritten(shelf, archive):
    shelf.place.mkdir(parents=True)
    (shelf.place / "models.json").write_text("{")

    with pytest.raises(ShelfFault, match=r"models\.json can't be read: it is damaged\. Remove it"):
        install(shelf, str(archive), ("uk",), NOW, silent)
    with pytest.raises(ShelfFault, match="damaged"):
        find(shelf.place.parent, {})
    assert (shelf.place / "models.json").read_text() == "{"
