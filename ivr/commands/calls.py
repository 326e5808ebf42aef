"""`ivr calls`: calls that are over, for staff at a terminal."""

import click

from ivr.commands.calls_export import export


@click.group()
def calls() -> None:
    """Calls: as files for people outside."""


calls.add_command(export)
