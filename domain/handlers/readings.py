"""What does the meter show?"""

from typing import Final

from sqlalchemy import Connection, String, and_, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain import rules
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import SubmitReading
from domain.handling import Context, Unanswerable, handles
from domain.model import Receipt, Status
from domain.tables import meters, readings, registers, submissions


@handles(SubmitReading)
def submit_reading(conn: Connection, command: SubmitReading, context: Context) -> Receipt:
    """A doubtful value is kept for people to look at; it does not become the register's last one."""
    register = conn.execute(
        _REGISTER,
        {
            "of": command.account,
            "of_meter": command.meter,
            "of_zone": command.zone,
            "of_energy": command.energy,
            "of_call": context.call,
        },
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
        "source": context.source,
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
