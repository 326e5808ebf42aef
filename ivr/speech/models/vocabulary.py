"""The words that a model knows, read from its files without loading it.

Vosk takes them from the symbol table inside HCLG.fst or Gr.fst, and from words.txt where these have none.

OpenFst's binary format (fst.cc, symbol-table.cc; little-endian): a header of magic number, type and arc type (strings
with their length before them), version, flags, properties, start, states, arcs; then the tables of input and output
symbols whose flags are set: magic number, name, next free key, size, and size pairs of symbol and key.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FST, TABLE = 2125659606, 2125658996
HAS_INPUT, HAS_OUTPUT = 1, 2


def vocabulary(graph: Path) -> frozenset[str] | None:
    """The words of the model with this graph folder, without what is none: `<eps>`, `[unk]`, `#0`, `!SIL`.

    None where there is no list of them.  Raises OSError, ValueError for what can't be read.
    """
    for name in ("HCLG.fst", "Gr.fst"):
        fst = graph / name
        if fst.is_file() and (symbols := _output_symbols(fst)) is not None:
            return _words(symbols)
    listed = graph / "words.txt"
    if not listed.is_file():
        return None
    lines = listed.read_text("utf-8").splitlines()
    return _words([line.split()[0] for line in lines if line.strip()])


def _words(symbols: list[str]) -> frozenset[str]:
    return frozenset(symbol for symbol in symbols if symbol[:1] not in ("<", "[", "#", "!", ""))


def _output_symbols(fst: Path) -> list[str] | None:
    try:
        with fst.open("rb") as file:
            (magic,) = _read(file, "i")
            if magic != FST:
                raise ValueError(f"{fst.name} is no FST")
            for _ in ("type", "arc type"):
                _text(file)
            _version, flags, *_ = _read(file, "iiQqqq")
            if flags & HAS_INPUT:
                for _ in _table(file):
                    pass
            return list(_table(file)) if flags & HAS_OUTPUT else None
    except (struct.error, UnicodeDecodeError) as fault:
        raise ValueError(f"{fst.name} is damaged or cut off") from fault


def _table(file: BinaryIO) -> Iterator[str]:
    (magic,) = _read(file, "i")
    if magic != TABLE:
        raise ValueError(f"{Path(file.name).name}: there should be a table of symbols")
    _text(file)
    _, size = _read(file, "qq")
    for _ in range(size):
        yield _text(file)
        _read(file, "q")


def _text(file: BinaryIO) -> str:
    (length,) = _read(file, "i")
    if not 0 <= length <= 10_000:
        raise ValueError(f"{Path(file.name).name} is damaged")
    return struct.unpack(f"{length}s", file.read(length))[0].decode()


def _read(file: BinaryIO, kinds: str) -> tuple[int, ...]:
    kinds = f"<{kinds}"
    return struct.unpack(kinds, file.read(struct.calcsize(kinds)))
