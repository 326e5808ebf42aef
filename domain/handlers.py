"""One handler for each command.

Rules: a handler works within the transaction it is given and commits nothing; with a call and a seq it is idempotent:
the same command of the same journal line is answered as it was the first time, and nothing is written twice.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, String, and_, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain import rules
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import Command, FindAccount, RecogniseCaller, RememberLanguage, SubmitReading
from domain.model import Account, KnownCaller, Meter, Receipt, Register, Source, Status
from domain.tables import (
    accounts,
    caller_accounts,
    caller_numbers,
    counting,
    meters,
    readings,
    registers,
    submissions,
)

T = TypeVar("T")
C = TypeVar("C", bound=Command[Any])


class Unanswerable(LookupError):
    """The command names an account, meter or register that isn't there, or a value that it cannot show.

    The fault of whoever sent it: a conversation asks only about what it was given.
    """


@dataclass(frozen=True, slots=True)
class Context:
    """Where a command comes from.  call, seq: the journal line that causes it; None for other channels."""

    call: str | None
    seq: int | None
    at: datetime


HANDLERS: Final[dict[type[Command[Any]], Callable[[Connection, Any, Context], Any]]] = {}


def perform(conn: Connection, command: Command[T], *, call: str | None, seq: int | None, at: datetime) -> T:
    """Do what the command asks, in this transaction, and answer it.

    call, seq: the journal line that causes it, both or neither.  at: timezone-aware UTC.
    Raises Unanswerable; AlreadyAnswered when this line was used for something else; KeyError for a command that
    nobody handles (a test sees to it that there is none).
    """
    return HANDLERS[type(command)](conn, command, Context(call, seq, at))


def _handles(
    kind: type[C],
) -> Callable[[Callable[[Connection, C, Context], Any]], Callable[[Connection, C, Context], Any]]:
    def note(handler: Callable[[Connection, C, Context], Any]) -> Callable[[Connection, C, Context], Any]:
        if kind in HANDLERS:
            raise TypeError(f"{kind.__name__} has a handler already: {HANDLERS[kind]}")
        HANDLERS[kind] = handler
        return handler

    return note


# Who is it?


@_handles(FindAccount)
def find_account(conn: Connection, command: FindAccount, _: Context) -> Account | None:
    """An account without meters is an account too."""
    return next(_accounts(conn.execute(_ACCOUNT, {"of": command.number})), None)


@_handles(RecogniseCaller)
def recognise_caller(conn: Connection, command: RecogniseCaller, _: Context) -> KnownCaller:
    """A withheld number, and one that nobody knows, tell nothing."""
    if command.number is None:
        return KnownCaller()
    rows = conn.execute(_CALLER, {"of": command.number}).all()
    if not rows:
        return KnownCaller()
    return KnownCaller(rows[0].language, tuple(_accounts(row for row in rows if row.account is not None)))


@_handles(RememberLanguage)
def remember_language(conn: Connection, command: RememberLanguage, _: Context) -> None:
    """For numbers that belong to no account too."""
    conn.execute(_REMEMBER[conn.dialect.name], {"number": command.number, "language": command.language})


# What does the meter show?


@_handles(SubmitReading)
def submit_reading(conn: Connection, command: SubmitReading, context: Context) -> Receipt:
    """A doubtful value is kept for people to look at; it does not become the register's last one."""
    register = conn.execute(
        _REGISTER,
        {"of": command.account, "of_meter": command.meter, "of_zone": command.zone, "of_call": context.call},
    ).one_or_none()
    if register is None:
        raise Unanswerable(f"no {command.zone} register on meter {command.meter!r} of account {command.account}")
    if not 0 <= command.value < 10**register.width:
        raise Unanswerable(f"{command.value} does not fit the {register.width} digits of meter {command.meter!r}")
    submission, receipt = register.submission, register.receipt
    if submission is None:
        submission, receipt = _submission(conn, register.meter, context)
    reading = {
        "register": register.id,
        "value": command.value,
        "read_on": rules.local_day(context.at),
        "at": context.at,
        "source": Source.CALLER,
        "status": Status.DOUBTFUL if command.doubt else Status.ACCEPTED,
        "doubt": command.doubt,
        "submission": submission,
        "call": context.call,
        "seq": context.seq,
    }
    if conn.execute(_READING[conn.dialect.name], reading).rowcount != 1:
        first = conn.execute(_FIRST, {"of_call": context.call, "of_seq": context.seq}).one()
        if (first.register, first.value, first.doubt) != (register.id, command.value, command.doubt):
            raise AlreadyAnswered(f"line {context.seq} of call {context.call!r} submitted something else: {first}")
    return Receipt(receipt)


def _submission(conn: Connection, meter: int, context: Context) -> tuple[int, str]:
    """A new one of this call and meter; its id and receipt."""
    try:
        key = conn.execute(_SUBMIT, {"meter": meter, "call": context.call, "at": context.at}).inserted_primary_key
    except IntegrityError as error:
        raise UnknownCall(f"call {context.call!r} submits a reading and never began here") from error
    assert key is not None
    receipt = rules.receipt_number(key[0])
    conn.execute(_NUMBER, {"of": key[0], "new": receipt})
    return key[0], receipt


# How: statements are made once, for making one costs more than running it

_WITH_METERS: Final = (
    accounts.outerjoin(meters, meters.c.account == accounts.c.number)
    .outerjoin(registers, registers.c.meter == meters.c.id)
    .outerjoin(readings, counting)
)
_COLUMNS: Final = (
    accounts.c.number.label("account"),
    meters.c.id.label("meter_id"),
    meters.c.number.label("meter"),
    meters.c.multiplier,
    meters.c.power,
    registers.c.zone,
    registers.c.width,
    registers.c.usual,
    readings.c.value.label("last"),
    readings.c.read_on.label("last_on"),
)
_ORDER: Final = (accounts.c.number, meters.c.id, registers.c.id)

_ACCOUNT: Final = (
    select(*_COLUMNS).select_from(_WITH_METERS).where(accounts.c.number == bindparam("of")).order_by(*_ORDER)
)
_CALLER: Final = (
    select(caller_numbers.c.language, *_COLUMNS)
    .select_from(
        caller_numbers.outerjoin(caller_accounts, caller_accounts.c.number == caller_numbers.c.number)
        .outerjoin(accounts, accounts.c.number == caller_accounts.c.account)
        .outerjoin(meters, meters.c.account == accounts.c.number)
        .outerjoin(registers, registers.c.meter == meters.c.id)
        .outerjoin(readings, counting)
    )
    .where(caller_numbers.c.number == bindparam("of"))
    .order_by(*_ORDER)
)
_REMEMBER: Final = {
    name: (new := dialect.insert(caller_numbers)).on_conflict_do_update(
        index_elements=["number"], set_={"language": new.excluded.language}
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_REGISTER: Final = (
    select(
        registers.c.id,
        registers.c.width,
        registers.c.meter,
        submissions.c.id.label("submission"),
        submissions.c.receipt,
    )
    .select_from(
        registers.join(meters, meters.c.id == registers.c.meter).outerjoin(
            submissions,
            and_(submissions.c.call == bindparam("of_call", type_=String), submissions.c.meter == meters.c.id),
        )
    )
    .where(
        meters.c.account == bindparam("of"),
        meters.c.number == bindparam("of_meter"),
        registers.c.zone == bindparam("of_zone"),
    )
)
_SUBMIT: Final = insert(submissions)
_NUMBER: Final = update(submissions).where(submissions.c.id == bindparam("of")).values(receipt=bindparam("new"))
_READING: Final = {
    name: dialect.insert(readings).on_conflict_do_nothing(index_elements=["call", "seq"])
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_FIRST: Final = select(readings.c.register, readings.c.value, readings.c.doubt).where(
    readings.c.call == bindparam("of_call"), readings.c.seq == bindparam("of_seq")
)


def _accounts(rows: Iterable[Any]) -> Iterator[Account]:
    """Rows of `_COLUMNS`, ordered, as values."""
    for number, of_account in groupby(rows, key=lambda row: row.account):
        found: list[Meter] = []
        for meter_id, of_meter in groupby(of_account, key=lambda row: row.meter_id):
            if meter_id is None:
                continue
            of_meter = list(of_meter)
            shown = tuple(
                Register(row.zone, row.width, row.last, row.last_on, row.usual)
                for row in of_meter
                if row.zone is not None
            )
            found.append(Meter(of_meter[0].meter, shown, of_meter[0].multiplier, of_meter[0].power))
        yield Account(number, tuple(found))
