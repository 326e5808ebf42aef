"""The command line, and the composition root.

Rule: a command is imported when it is used.  A controller that comes back to waiting callers has no time to load what
renders prompts and draws maps.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "up": "ivr.commands.up:up",
    "demo": "ivr.commands.demo:demonstrate",
    "simulate": "ivr.commands.simulate:simulate",
    "call": "ivr.commands.call:call",
    "check": "ivr.commands.flows:check",
    "map": "ivr.commands.flows:draw",
    "announce": "ivr.commands.announce:announce",
    "policy": "ivr.commands.policy:policy",
    "escalate": "ivr.commands.escalate:escalate",
    "readings": "ivr.commands.readings:readings",
    "import": "ivr.commands.intake:take_in",
    "reconcile": "ivr.commands.reconcile:prove",
    "waits": "ivr.commands.waits:waits",
    "report": "ivr.commands.report:report",
    "api": "ivr.commands.api:api",
    "console": "ivr.commands.console:serve",
    "client": "ivr.commands.client:client",
    "staff": "ivr.commands.staff:staff",
    "audit": "ivr.commands.audit:audit",
    "transcribe": "ivr.commands.transcribe:transcribe",
    "calls": "ivr.commands.calls:calls",
    "transcripts": "ivr.commands.transcripts:transcripts",
    "settings": "ivr.commands.settings:show",
    "asterisk": "ivr.commands.asterisk:asterisk",
    "models": "ivr.commands.models:models",
    "prompts": "ivr.commands.prompts:prompts",
}
"""Command -> where it is."""


class _OnDemand(click.Group):
    def list_commands(self, ctx: click.Context) -> Sequence[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="grid-hotline")
def main() -> None:
    """The telephone hotline of a power distribution company."""


if __name__ == "__main__":
    main()
