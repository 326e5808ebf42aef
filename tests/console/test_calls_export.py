"""`ivr calls export` gives the same as the console, notes it, and never overwrites or leaves half of a file."""

import json
import subprocess
import zipfile
from datetime import timedelta

import pytest
from click.testing import CliRunner
from spoken_call import a_reading, keys_in, wav

from domain import calls, trail
from ivr.__main__ import main
from recordings import vcon

CALL = "hotline-1790845200.17"


@pytest.fixture
def kept(world, tmp_path, monkeypatch):
    spoken = a_reading(world.now - timedelta(hours=1), call=CALL)
    record = spoken.keep(world.store, world.path)
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return world, world.path / record.path, folder


def export(world, *more, call=CALL, reason="letter 12/3 of the regulator"):
    return CliRunner().invoke(
        main, ["calls", "export", call, "--data", str(world.path), "--reason", reason, *more], catch_exceptions=False
    )


def noted(world, what="call.exported"):
    return world.read(lambda conn: trail.page(conn, of=CALL, what=what))


def test_a_masked_wav_lies_here_under_its_own_name(kept):
    world, path, folder = kept

    told = export(world)

    assert told.exit_code == 0, told.output
    [made] = folder.iterdir()
    assert made.name.endswith("-hotline-1790845200.17-masked.wav") and made.name in told.output
    assert made.stat().st_mode & 0o077 == 0
    assert keys_in(wav(made)[:, 0].astype(float)) == "2"
    assert len(wav(made)) == len(wav(path))
    [entry] = noted(world)
    assert entry.who.startswith("cli:") and entry.reason == "letter 12/3 of the regulator"


def test_in_clear_it_is_what_was_sealed(kept):
    world, path, folder = kept

    assert export(world, "--clear", "--out", "a.wav").exit_code == 0
    assert (folder / "a.wav").read_bytes() == path.read_bytes()


def test_a_vcon_and_a_bundle_are_what_they_are_in_the_console(kept):
    world, path, folder = kept

    assert export(world, "--format", "vcon", "--out", "c.json").exit_code == 0
    vcon.check(json.loads((folder / "c.json").read_text("utf-8")))
    assert export(world, "--format", "bundle", "--out", "b.zip").exit_code == 0
    with zipfile.ZipFile(folder / "b.zip") as packed:
        packed.extractall(folder / "b")
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder / "b", check=False).returncode == 0
    assert (folder / "b" / "recording.wav").read_bytes() == path.read_bytes()


def test_what_is_there_is_not_overwritten(kept):
    world, _, folder = kept
    (folder / "a.wav").write_text("precious")

    told = export(world, "--out", "a.wav")

    assert told.exit_code == 1 and "is there already" in told.output
    assert (folder / "a.wav").read_text() == "precious"
    assert [each.name for each in folder.iterdir()] == ["a.wav"]
    assert len(noted(world, "export.failed")) == 1


def test_without_a_reason_nothing_is_made(kept):
    world, _, folder = kept

    assert export(world, reason=" so ").exit_code == 2
    assert list(folder.iterdir()) == [] and noted(world) == []


@pytest.mark.parametrize("what", ["unknown", "going on", "erased"])
def test_what_can_not_be_given_is_said(kept, what):
    world, _, folder = kept
    call = CALL
    if what == "unknown":
        call = "no-such-call"
    elif what == "going on":
        call = world.call(outcome=None)
    else:
        world.write(lambda conn: calls.recording_erased(conn, CALL, "its time is over", world.now))

    told = export(world, call=call)

    assert told.exit_code != 0
    assert {"unknown": "there is no call", "going on": "goes on", "erased": "its time is over"}[what] in told.output
    assert list(folder.iterdir()) == []


def test_a_changed_recording_leaves_no_file(kept):
    world, path, folder = kept
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)

    told = export(world)

    assert told.exit_code == 1 and "not what was sealed" in told.output
    assert list(folder.iterdir()) == []
    assert len(noted(world, "export.failed")) == 1


def test_a_folder_that_is_not_there_is_said(kept):
    world, *_ = kept

    assert export(world, "--out", "nowhere/a.wav").exit_code == 1
