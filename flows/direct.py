"""Numbers that lead straight to one matter: who reads meters every month, and who dials because it is dark."""

from flows.attended import about, attended
from flows.meter_reading import meter_reading
from flows.outage import outage
from ivr.dialog import Call, Ending


async def meter_readings(call: Call) -> Ending:
    """The number for meter readings."""
    return await attended(call, _reading)


async def outages(call: Call) -> Ending:
    """The number for "no light" and danger."""
    return await attended(call, _outage)


async def _reading(call: Call) -> Ending:
    return await about(call, meter_reading)


async def _outage(call: Call) -> Ending:
    return await about(call, outage)
