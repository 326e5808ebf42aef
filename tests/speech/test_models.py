"""Models of speech: what is one, what is wrong with one that isn't, and which language gets which.

Damage is done to copies of the model that comes with the project, and judged by the recogniser itself.
"""

import shutil
import struct

import pytest

from ivr.speech.models import BUILT_IN, BadModel, checksum, verify
from ivr.speech.models.shelf import PROOF
from ivr.speech.models.vocabulary import vocabulary


@pytest.fixture
def model(tmp_path):
    """A copy of the project's model that may be damaged."""
    return shutil.copytree(PROOF, tmp_path / "copied")


@pytest.mark.parametrize("language", sorted(BUILT_IN))
def test_the_model_that_comes_with_the_project_is_good(language):
    model = verify(BUILT_IN[language], ["так", "да", "п'ять", "пять", "трансформатор"])

    assert (model.name, model.words, model.rate, model.grammars) == ("proof-uk-ru", 348, 16000, True)
    assert model.unknown == {"трансформатор"}
    assert 11e6 < model.size < 13e6


def test_it_has_its_card_and_its_licence():
    card = (PROOF / "MODEL.md").read_text("utf-8")

    assert "Apache License" in (PROOF / "LICENSE").read_text()
    assert f"{verify(PROOF).words} words" in card


def test_a_checksum_tells_what_loads_and_is_damaged_all_the_same(model):
    assert checksum(model) == checksum(PROOF)

    with (model / "am" / "final.mdl").open("r+b") as file:
        file.seek(11_000_000)
        file.write(b"\0\0\0\0")

    assert verify(model).words == 348
    assert checksum(model) != checksum(PROOF)


@pytest.mark.parametrize(
    "lacking", ["am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/HCLr.fst", "graph/Gr.fst"]
)
def test_a_file_that_is_missing_is_named(model, lacking):
    (model / lacking).unlink()

    with pytest.raises(BadModel, match=rf"no whole Vosk model: .*{lacking} is missing.*ivr models install"):
        verify(model)


def test_a_file_that_is_empty_is_named(model):
    (model / "am" / "final.mdl").write_bytes(b"")

    with pytest.raises(BadModel, match=r"am/final\.mdl is empty"):
        verify(model)


def test_a_model_whose_words_nobody_knows_is_none(model):
    (model / "graph" / "words.txt").unlink()

    with pytest.raises(BadModel, match=r"has no words.*words\.txt"):
        verify(model)


@pytest.mark.parametrize(
    ("file", "size", "complaint"),
    [
        ("am/final.mdl", 5_000_000, "Failed to read"),
        ("graph/HCLr.fst", 50_000, r"died of it \(SIG.*HCLr\.fst"),  # it loads, and ends the process that listens
        ("graph/Gr.fst", 30, r"Gr\.fst is damaged or cut off"),
        ("graph/Gr.fst", 3000, "Can't create decoding graph"),
    ],
)
def test_a_file_that_is_cut_off_is_found_before_it_ends_a_worker(model, file, size, complaint):
    with (model / file).open("r+b") as cut:
        cut.truncate(size)

    with pytest.raises(BadModel, match=complaint):
        verify(model)


def test_files_of_something_else_are_no_model(model):
    (model / "am" / "final.mdl").write_bytes(b"PK\3\4" + bytes(100_000))

    with pytest.raises(BadModel, match="TransitionModel"):
        verify(model)


def test_a_model_that_takes_no_telephone_sound_by_itself_is_one_too(model):
    conf = model / "conf" / "mfcc.conf"
    conf.write_text(conf.read_text().replace("--allow-upsample=true\n", ""))

    assert verify(model).words == 348, "a worker brings the sound to it"


@pytest.mark.parametrize("what", ["nothing", "file"])
def test_what_is_no_directory_is_no_model(tmp_path, what):
    place = tmp_path / "model"
    if what == "file":
        place.write_text("am")

    with pytest.raises(BadModel, match="there is no such directory"):
        verify(place)


def test_words_are_read_from_inside_the_graph_where_they_are(model):
    """Official small models have them in Gr.fst, with no words.txt; here they are put there by OpenFst's format."""

    def text(value):
        return struct.pack("<i", len(value.encode())) + value.encode()

    words = ["<eps>", "[unk]", "так", "ні", "#0"]
    table = struct.pack("<i", 2125658996) + text("words") + struct.pack("<qq", 5, 5)
    table += b"".join(text(word) + struct.pack("<q", key) for key, word in enumerate(words))
    plain = (model / "graph" / "Gr.fst").read_bytes()
    end = 4 + len(text("vector")) + len(text("standard")) + struct.calcsize("<iiQqqq")
    flags = 4 + len(text("vector")) + len(text("standard")) + 4
    header = plain[:flags] + struct.pack("<i", 2) + plain[flags + 4 : end]
    (model / "graph" / "Gr.fst").write_bytes(header + table + plain[end:])

    assert vocabulary(model / "graph") == {"так", "ні"}
    assert verify(model, ["так", "три"]).unknown == {"три"}, "the recogniser reads the same table"
