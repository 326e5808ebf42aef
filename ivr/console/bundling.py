"""Everything about a call as one ZIP, for a court or a regulator: nothing hidden, everything provable.

What is in it: the recording as it was sealed; the journal and the moments, as they were stored; the time line made of
them, for machines and for readers; transcripts; what came of the call; what staff did to it, as the trail has it;
who was given all this, when and why; the SHA-256 of each file, and a script that checks them.

The text for readers is Ukrainian whatever the language of who exports: that is the language of the courts.
"""

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from domain.evidence import CallFile, Proof, Seal
from domain.tables import RecordingState
from ivr.console.web.telling import outcome, rows
from ivr.console.web.words import Tongue
from ivr.story import Story
from recordings.bundle import CHECKER, SUMS, Bundle

KYIV: Final = ZoneInfo("Europe/Kyiv")
RECORDING: Final = "recording.wav"
_UK: Final = Tongue("uk")


@dataclass(frozen=True, slots=True)
class Export:
    """This export.  row: of the trail, that says so."""

    who: str
    reason: str
    at: datetime
    row: int | None


def bundle(
    file: CallFile,
    told: Story,
    proof: Proof,
    export: Export,
    sealed: Callable[[IO[bytes]], object] | None,
    out: IO[bytes],
) -> None:
    """Write it.  sealed: writes the recording, None where there is none.

    Raises CannotExport, OSError.
    """
    made = Bundle(out, export.at.astimezone(UTC))
    try:
        if sealed is not None:
            made.make(RECORDING, sealed, packed=False)
        made.add("timeline.txt", _timeline(file, told).encode())
        for name, content in _parts(file, told, proof):
            made.add(name, _json(content))
        made.add(CHECKER.name, CHECKER.read_bytes())
        made.add("README.txt", _readme(file, proof, sealed is not None).encode())
        made.add("MANIFEST.json", _json(_manifest(file, proof, export, made.sums)))
        made.close()
    except BaseException:
        made.abandon()
        raise


def _parts(file: CallFile, told: Story, proof: Proof) -> Iterator[tuple[str, Any]]:
    yield "call.json", {"call": asdict(file.record), "recording": file.recording and asdict(file.recording)}
    yield "journal.json", [asdict(line) for line in file.lines]
    yield "moments.json", [asdict(moment) for moment in file.moments]
    yield (
        "timeline.json",
        {
            "flow": told.flow,
            "language": told.language,
            "accounts": told.accounts,
            "diverged": told.diverged,
            "events": [asdict(event) for event in told.events],
            "visits": [asdict(visit) for visit in told.visits],
        },
    )
    yield "transcripts.json", [asdict(each) for each in file.transcripts]
    yield (
        "caused.json",
        {
            "readings": [asdict(reading) for reading in file.readings],
            **asdict(file.caused),
            "deeds": [asdict(deed) for deed in file.deeds],
        },
    )
    yield (
        "trail.json",
        {
            "rows": [_sealed_row(seal) for seal in proof.seals],
            "head": {"n": proof.head.n, "hash": proof.head.hash},
            "chain": {
                "sound": proof.verdict.sound,
                "rows": proof.verdict.rows,
                "fault": proof.verdict.fault,
                "at": proof.verdict.at,
            },
        },
    )


def _sealed_row(seal: Seal) -> dict[str, Any]:
    """As it is hashed: `at` in UTC with six decimals, `details` as text."""
    return {**asdict(seal), "at": seal.at.astimezone(UTC).isoformat(timespec="microseconds")}


def _manifest(file: CallFile, proof: Proof, export: Export, sums: dict[str, str]) -> dict[str, Any]:
    kept = file.recording
    return {
        "call": file.call,
        "began": file.record.began.at,
        "ended": file.record.ended_at,
        "recording": {
            "file": RECORDING if RECORDING in sums else None,
            "state": kept.state if kept else None,
            "sha256": kept.sha256 if kept else None,
            "seconds": kept.seconds if kept else None,
            "bytes": kept.bytes if kept else None,
            "sealed_at": kept.settled_at if kept else None,
            "remark": kept.reason if kept else None,
        },
        "exported": {"by": export.who, "at": export.at, "reason": export.reason, "row": export.row},
        "trail_head": str(proof.head),
        "made_with": {"hotline": _version(), "python": platform.python_version()},
        "files": dict(sorted(sums.items())),
    }


def _version() -> str:
    try:
        return version("grid-hotline")
    except PackageNotFoundError:
        return "unknown"


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, default=_text) + "\n").encode()


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(str(each) for each in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)


# For readers


def _timeline(file: CallFile, told: Story) -> str:
    """Line by line, with the time of Kyiv and the second of the recording."""
    began = file.record.began
    lines = [
        "ПЕРЕБІГ ДЗВІНКА",
        "",
        f"Дзвінок:        {file.call}",
        f"Номер абонента: {began.caller or 'не визначено'}",
        f"Набраний номер: {began.dialled}",
        f"Початок:        {_kyiv(began.at)}",
        f"Кінець:         {_kyiv(file.record.ended_at) if file.record.ended_at else 'триває'}",
        f"Підсумок:       {outcome(str(file.record.outcome), _UK) if file.record.outcome else 'немає'}",
        f"Рахунки:        {', '.join(told.accounts) or 'не названо'}",
        f"Запис:          {_recording(file)}",
        "",
        "Час — київський; у дужках — хвилина й секунда запису.",
        "",
    ]
    for row in rows(told.events, _UK):
        at = (began.at + timedelta(seconds=row.at)).astimezone(KYIV)
        text = " — ".join(filter(None, (row.title, row.text)))
        lines.append(f"{at:%H:%M:%S} ({_span(row.at)})  {text}")
        lines += [f"{'':19}{also}" for also in row.also]
    if told.diverged:
        lines += ["", "Сценарій розмови відтоді змінено; кроки наведено за збереженим журналом."]
    return "\n".join(lines) + "\n"


def _recording(file: CallFile) -> str:
    kept = file.recording
    if kept is None:
        return "не велося"
    match kept.state:
        case RecordingState.SEALED:
            return f"{_span(kept.seconds or 0.0)}, SHA-256 {kept.sha256}"
        case RecordingState.ERASED:
            return f"стерто {_kyiv(kept.settled_at)}: {kept.reason}"
        case RecordingState.FAILED:
            return f"немає: {kept.reason}"
        case RecordingState.RECORDING:
            return "ще не запечатано"


def _kyiv(at: datetime | None) -> str:
    return f"{at.astimezone(KYIV):%d.%m.%Y %H:%M:%S}" if at else "невідомо коли"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    return f"{minutes:02}:{rest:02}"


def _readme(file: CallFile, proof: Proof, sound: bool) -> str:
    chain = (
        f"Увесь журнал аудиту ({proof.verdict.rows} рядків) під час видачі перевірено: ланцюг хешів цілий."
        if proof.verdict.sound
        else f"УВАГА: під час видачі ланцюг хешів журналу аудиту виявився порушеним, рядок {proof.verdict.at}."
    )
    recording = (
        """\
  recording.wav     запис розмови, як його запечатано після дзвінка: лівий канал — абонент,
                    правий — гаряча лінія. Нічого не вирізано й не приглушено.
"""
        if sound
        else f"""\
  Запису розмови в комплекті немає: {_recording(file)}.
"""
    )
    return f"""\
МАТЕРІАЛИ ДЗВІНКА {file.call}

Що тут є
{recording}\
  timeline.txt      перебіг дзвінка для читання
  timeline.json     те саме для програм: події з секундою запису
  journal.json      журнал розмови: кожне запитання, відповідь абонента й дія, як їх збережено
  moments.json      що лунало і що натискали між відповідями
  transcripts.json  записане машиною зі слів абонента: допоміжне, доказом є звук
  caused.json       що постало із дзвінка: показання, звернення, повідомлення, замовлення
  trail.json        хто з працівників що робив із цим дзвінком (рядки журналу аудиту)
  call.json         дзвінок і запис, як вони стоять у базі даних
  MANIFEST.json     хто, коли й навіщо видав ці матеріали; SHA-256 кожного файлу
  {SUMS}        суми для перевірки
  {CHECKER.name}   програма перевірки

Матеріали містять персональні дані. Зберігайте їх відповідно.

Як перевірити, що нічого не змінено
  1. Розпакуйте архів у порожню теку.
  2. Linux, macOS:   sha256sum -c {SUMS}
     Windows:        Get-FileHash *   (порівняйте з {SUMS})
     Будь-де, де є Python:   python3 {CHECKER.name}
  3. SHA-256 запису стоїть також у базі даних гарячої лінії від миті, коли дзвінок завершився;
     у MANIFEST.json він у полі recording.sha256.
  4. Рядок trail.json із номером, що в MANIFEST.json (exported.row), засвідчує саме цю видачу.

Як побудовано trail.json
  Хеш рядка — SHA-256 від хешу попереднього рядка (before), символу нового рядка та самого рядка
  у JSON: поля n, at, who, what, of, reason, details за абеткою, без пробілів, UTF-8.
  Останній рядок журналу під час видачі: {proof.head}
  {chain}
  Хто веде гарячу лінію, може показати, що ланцюг веде через цей рядок: ivr audit verify.
"""
