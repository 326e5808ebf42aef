"""Files of customers, row by row: CSV as people's programs write it, and Parquet.

Rules
1. Memory is bounded: a file is read in pieces, never as a whole.
2. The encoding is what the byte order mark says; else UTF-8 when most lines with letters beyond ASCII are UTF-8, else
   Windows-1251.  The delimiter is the one with which most headers are columns.  Both can be said instead.
3. A row that can't be read is a row all the same: it comes with what is wrong with it, and the next one follows.
4. Rows are counted as a spreadsheet does: the header is row 1.  In Parquet the first row is row 1.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from domain.intake.columns import BadFile, Header, match, recognised

Cells = tuple[str, ...]
"""In the order of COLUMNS; an empty one says nothing, and so does a column that isn't there."""

DELIMITERS: Final = (";", ",", "\t", "|")
SAMPLE: Final = 4_000_000
"""Bytes that are looked at to tell the encoding."""
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LONGEST_CELL: Final = 100_000
"""Characters; a cell that is longer is a quotation mark that was never closed."""


_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\t": " ", "\ufeff": None, "\u200b": None})
"""What spreadsheets and web pages leave where people see a space, or nothing."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A row.  done: how far the file has been read, in the units of `Source.size`.  wrong: why it can't be read."""

    row: int
    cells: Cells
    done: int
    wrong: str = ""


class Source(Protocol):
    """A file.  size: bytes or rows, for the progress.  told: how it is read, for people."""

    path: Path
    header: Header
    size: int
    told: str

    def rows(self) -> Iterator[Raw]:
        """Every row but the header."""
        ...


def source(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, renamed: Mapping[str, str] | None = None
) -> Source:
    """The file at `path`, its header understood.

    encoding, delimiter: of a CSV, when they shouldn't be found out.  renamed: header -> column.  Raises BadFile.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(4)
        if begins == b"PAR1":
            return Parquet(path, renamed)
        return Csv(path, encoding, delimiter, renamed)
    except OSError as fault:
        raise BadFile(f"{path}: {fault.strerror}") from fault
    except BadFile as fault:
        raise BadFile(f"{path}: {fault}") from None


class Csv:
    """Comma-, semicolon-, tab- or bar-separated values with a header, quoted where need be."""

    def __init__(
        self, path: Path, encoding: str | None, delimiter: str | None, renamed: Mapping[str, str] | None
    ) -> None:
        self.path = path
        self.size = path.stat().st_size
        with path.open("rb") as file:
            sample = file.read(SAMPLE)
        self._encoding = encoding or _encoding(sample)
        try:
            codecs.lookup(self._encoding)
        except LookupError:
            raise BadFile(f"there is no encoding {encoding!r}; try utf-8, windows-1251 or utf-16") from None
        self._skipped = 0
        with self._open() as text:
            first = text.readline()
            if first.casefold().startswith("sep="):  # what Excel writes and reads
                delimiter = delimiter or first[4:5]
                self._skipped = 1
                first = text.readline()
        if not first.strip():
            raise BadFile("the file is empty: its first row must name the columns")
        self._delimiter = delimiter or max(DELIMITERS, key=lambda d: recognised(_split(first, d), renamed))
        with self._open() as text:
            headers = next(self._records(text))
        self.header = match(headers, renamed)
        self._width = len(headers)
        named = {"\t": "tab"}.get(self._delimiter, self._delimiter)
        self.told = f"CSV, {self._encoding.removesuffix('-sig')}, separated by {named}"

    def rows(self) -> Iterator[Raw]:
        """See `Source`."""
        places = [place if place is not None else self._width for place in self.header.places]
        with self._open() as text:
            records = self._records(text)
            next(records)
            row, line = 1 + self._skipped, records.line
            while True:
                row += 1
                wrong = ""
                try:
                    cells = next(records)
                except StopIteration:
                    return
                except csv.Error as fault:
                    cells, wrong = [], f"not a row of a CSV: {fault}"
                began, line = line + 1, records.line
                if not wrong and not any(cells):
                    continue  # an empty line
                if not wrong and len(cells) > self._width and any(cells[self._width :]):
                    wrong = f"it has {len(cells)} cells and the header {self._width}"
                elif line > began:
                    wrong = (
                        f"lines {began} to {line} of the file are one row: a quotation mark is not closed, "
                        "or a cell holds a line break"
                    )
                cells = cells[: self._width]
                cells += [""] * (self._width + 1 - len(cells))
                found, odd = _printable(tuple([cells[place].strip() for place in places]), self._encoding)
                yield Raw(row, found, self._done, wrong or odd)

    def _open(self) -> io.TextIOWrapper:
        self._file = self.path.open("rb")
        return io.TextIOWrapper(self._file, self._encoding, errors="surrogateescape", newline="")

    @property
    def _done(self) -> int:
        return self._file.tell()

    def _records(self, text: io.TextIOWrapper) -> "_Records":
        for _ in range(self._skipped):
            text.readline()
        return _Records(text, self._delimiter, self._skipped)


class _Records:
    """`csv.reader` with lines counted from the file's beginning, and our limit to a cell."""

    def __init__(self, text: io.TextIOWrapper, delimiter: str, skipped: int) -> None:
        csv.field_size_limit(_LONGEST_CELL)
        self._reader = csv.reader(text, delimiter=delimiter)
        self._skipped = skipped

    @property
    def line(self) -> int:
        """The last line that was read."""
        return self._reader.line_num + self._skipped

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        return next(self._reader)


class Parquet:
    """Columns of any type; a batch of rows at a time."""

    def __init__(self, path: Path, renamed: Mapping[str, str] | None) -> None:
        try:
            module: Any = import_module("pyarrow.parquet")
        except ImportError:
            raise BadFile(
                "a Parquet file needs pyarrow: install it with `.venv/bin/python -m pip install "
                "'grid-hotline[parquet]'`, or export the file as CSV"
            ) from None
        self.path = path
        try:
            self._file: Any = module.ParquetFile(path)
        except Exception as fault:  # pyarrow's own exceptions share no base that could be named without it
            raise BadFile(f"not a sound Parquet file: {fault}") from fault
        self._headers: list[str] = list(self._file.schema_arrow.names)
        self.header = match(self._headers, renamed)
        self.size = int(self._file.metadata.num_rows)
        self.told = f"Parquet, {self.size} rows"

    def rows(self) -> Iterator[Raw]:
        """See `Source`.  A file that ends too soon is a BadFile when that place is reached."""
        wanted = [self._headers[place] for place in self.header.places if place is not None]
        of = {name: n for n, name in enumerate(wanted)}
        places = [None if place is None else of[self._headers[place]] for place in self.header.places]
        row = 0
        try:
            for batch in self._file.iter_batches(batch_size=4096, columns=wanted):
                columns = [column.to_pylist() for column in batch.columns]
                by_name = {name: columns[n] for n, name in enumerate(batch.schema.names)}
                ordered = [by_name[name] for name in wanted]
                for values in zip(*ordered, strict=True):
                    row += 1
                    cells = tuple("" if place is None else _text(values[place]) for place in places)
                    cells, odd = _printable(cells, "text")
                    yield Raw(row, cells, row, odd)
        except OSError as fault:
            raise BadFile(f"{self.path}: it can't be read after row {row}: {fault}") from fault


def _text(value: Any) -> str:
    """A value of a Parquet file as it would stand in a CSV."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case list():
            return ";".join(_text(each) for each in value)  # pyright: ignore[reportUnknownVariableType]
        case _:
            return str(value).strip()


def _split(line: str, delimiter: str) -> Sequence[str]:
    return next(csv.reader([line], delimiter=delimiter), list[str]())


def _encoding(sample: bytes) -> str:
    """See rule 2.  Raises BadFile for what can't be text."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        raise BadFile(
            "not a text file, or UTF-16 without its mark: then say --encoding utf-16-le; or save it as UTF-8"
        )
    right = wrong = 0
    for line in sample.splitlines()[: -1 if len(sample) == SAMPLE else None]:
        if not line.isascii():
            try:
                line.decode("utf-8")
                right += 1
            except UnicodeDecodeError:
                wrong += 1
    return "utf-8" if right >= wrong else "windows-1251"


def _printable(cells: Cells, encoding: str) -> tuple[Cells, str]:
    """The cells without signs that only look like spaces; and why the row is none, empty when it is one."""
    if "".join(cells).isprintable():
        return cells, ""
    cells = tuple(cell.translate(_SPACES).strip() for cell in cells)
    odd = [c for cell in cells for c in cell if not c.isprintable()]
    if any("\ud800" <= sign <= "\udfff" for sign in odd):
        cells = tuple(cell.encode(errors="replace").decode() for cell in cells)  # the report can't hold them either
        return cells, f"its bytes are not {encoding.removesuffix('-sig')}: save the file as UTF-8"
    return cells, f"it holds a sign that can't be printed (U+{ord(odd[0]):04X})" if odd else ""
