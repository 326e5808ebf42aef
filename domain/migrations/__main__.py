"""Writes the next migration:  python -m domain.migrations "what changed"."""

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from domain import migrations


def main(message: str) -> None:
    """Compare `domain.tables` with the newest migration, in a database made for the purpose."""
    with tempfile.TemporaryDirectory() as folder:
        engine = sa.create_engine(f"sqlite:///{Path(folder) / 'scratch.db'}")
        head = ScriptDirectory.from_config(migrations.config()).get_current_head()
        if head:
            migrations.upgrade(engine)
        number = int(head or "0000") + 1
        with engine.connect() as conn:
            settings = migrations.config(conn)
            settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(settings, message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
