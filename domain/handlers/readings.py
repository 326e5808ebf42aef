"""What does the meter show?

Rules: within the window a reading closes its month, outside it is a control reading (`domain.window`); a doubtful one
is kept for people to look at and counts for nothing until they have; who gives another value for the same register in
the same call has answered the doubt themselves, and nobody else is asked to; what is stored is never changed.
"""

from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Date, String, and_, bindparam, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain import news, policies, rules
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import KeepDoubtful, SubmitReading
from domain.desk_readings import CALLER
from domain.handling import Context, Unanswerable, handles
from domain.model import Purpose, Receipt, Status
from domain.tables import meters, readings, registers, resolutions, submissions
from domain.window import InWindow, standing

WIDEST: Final = 10**15
"""A value that was keyed may be wider than any display, but not endless."""


@handles(SubmitReading)
def submit_reading(conn: Connection, command: SubmitReading, context: Context) -> Receipt:
    """A doubtful value is kept for people to look at; it does not become the register's last one."""
    register = _register(conn, command, context)
    if not 0 <= command.value < 10**register.width:
        raise Unanswerable(f"{command.value} does not fit the {register.width} digits of meter {command.meter!r}")
    submission, receipt = register.submission, register.receipt
    if submission is None:
        submission, receipt = _submission(conn, register.meter, context)
    stored = _store(conn, command, context, register.id, submission)
    if stored.new and context.call is not None:
        conn.execute(
            _ANSWERED,
            {
                "of_call": context.call,
                "of_register": register.id,
                "by_reading": stored.id,
                "accepted": None if command.doubt else stored.id,
                "new_at": context.at,
                "because": f"gave {command.value} in the same call",
            },
        )
    return Receipt(receipt, stored.purpose, stored.period)


@handles(KeepDoubtful)
def keep_doubtful(conn: Connection, command: KeepDoubtful, context: Context) -> None:
    """Kept with what was said, without a receipt: nobody was promised anything."""
    if not 0 <= command.value < WIDEST:
        raise Unanswerable(f"{command.value} is nothing that can be keyed for meter {command.meter!r}")
    _store(conn, command, context, _register(conn, command, context).id, None)


def _register(conn: Connection, command: SubmitReading | KeepDoubtful, context: Context) -> Any:
    """The register that is meant, with the submission that this call has begun for its meter."""
    asked = {
        "of": command.account,
        "of_meter": command.meter,
        "of_zone": command.zone,
        "of_energy": command.energy,
        "of_call": context.call,
        "of_day": rules.local_day(context.at),
    }
    register = conn.execute(_REGISTER, asked).one_or_none()
    if register is None:
        raise Unanswerable(
            f"no {command.energy} register for {command.zone} on meter {command.meter!r} of account {command.account}"
        )
    return register


def _store(
    conn: Connection,
    command: SubmitReading | KeepDoubtful,
    context: Context,
    register: int,
    submission: int | None,
) -> "_Stored":
    """Once for each line of a call; who comes again gets what was stored first.

    Raises AlreadyAnswered, UnknownCall.
    """
    day = rules.local_day(context.at)
    counts = standing(day, policies.load(conn))
    purpose = Purpose.BILLING if isinstance(counts, InWindow) else Purpose.CONTROL
    period = counts.period.first if isinstance(counts, InWindow) else None
    reading = {
        "register": register,
        "value": command.value,
        "read_on": day,
        "at": context.at,
        "source": context.source,
        "status": Status.DOUBTFUL if command.doubt else Status.ACCEPTED,
        "doubt": command.doubt,
        "purpose": purpose,
        "period": period,
        "said": command.said,
        "submission": submission,
        "call": context.call,
        "seq": context.seq,
    }
    try:
        new = conn.execute(_READING[conn.dialect.name], reading).scalar_one_or_none()
    except IntegrityError as error:
        raise UnknownCall(f"call {context.call!r} gives a reading and never began here") from error
    if new is not None:
        kind = "reading.doubtful" if command.doubt else "reading.accepted"
        news.tell(
            conn, kind, context.at, command.account, reading=new, meter=command.meter, zone=command.zone,
            energy=command.energy, value=command.value, read_on=day, source=context.source, purpose=purpose,
            period=period, doubt=command.doubt,
        )  # fmt: skip
        return _Stored(new, True, purpose, period)
    first = conn.execute(_FIRST, {"of_call": context.call, "of_seq": context.seq}).one()
    had = (first.register, first.value, first.doubt, first.submission is None)
    if had != (register, command.value, command.doubt, submission is None):
        raise AlreadyAnswered(f"line {context.seq} of call {context.call!r} submitted something else: {first}")
    return _Stored(first.id, False, first.purpose, first.period)


class _Stored(NamedTuple):
    """A reading in the store; new: this line had not been done before."""

    id: int
    new: bool
    purpose: Purpose
    period: date | None


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
        registers.c.energy == bindparam("of_energy"),
        or_(meters.c.removed_on.is_(None), meters.c.removed_on >= bindparam("of_day", type_=Date)),
    )
)
_SUBMIT: Final = insert(submissions)
_NUMBER: Final = update(submissions).where(submissions.c.id == bindparam("of")).values(receipt=bindparam("new"))
_READING: Final = {
    name: dialect.insert(readings).on_conflict_do_nothing(index_elements=["call", "seq"]).returning(readings.c.id)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_FIRST: Final = select(
    readings.c.id,
    readings.c.register,
    readings.c.value,
    readings.c.doubt,
    readings.c.submission,
    readings.c.purpose,
    readings.c.period,
).where(readings.c.call == bindparam("of_call"), readings.c.seq == bindparam("of_seq"))
_ANSWERED: Final = insert(resolutions).from_select(
    ["reading", "accepted", "at", "by", "because"],
    select(
        readings.c.id,
        bindparam("accepted", type_=readings.c.id.type),
        bindparam("new_at", type_=resolutions.c.at.type),
        literal(CALLER),
        bindparam("because", type_=String),
    )
    .select_from(readings.outerjoin(resolutions, resolutions.c.reading == readings.c.id))
    .where(
        readings.c.call == bindparam("of_call"),
        readings.c.register == bindparam("of_register"),
        readings.c.status == Status.DOUBTFUL,
        readings.c.id < bindparam("by_reading"),
        resolutions.c.reading.is_(None),
    ),
)
