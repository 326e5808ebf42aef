"""The command line, and the composition root: the only module that knows all the others."""

import click

from ivr.commands.asterisk import asterisk
from ivr.commands.call import call
from ivr.commands.demo import demonstrate
from ivr.commands.flows import check, draw
from ivr.commands.settings import show
from ivr.commands.simulate import simulate
from ivr.commands.up import up
from prompts.command import prompts


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="grid-hotline")
def main() -> None:
    """The telephone hotline of a power distribution company."""


for command in (up, demonstrate, simulate, call, check, draw, show, asterisk, prompts):
    main.add_command(command)

if __name__ == "__main__":
    main()
