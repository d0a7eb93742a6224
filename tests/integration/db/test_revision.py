"""The light way to read a schema's revision agrees with Alembic."""

from __future__ import annotations

import subprocess
import sys

from alembic.script import ScriptDirectory

from easyai.db import migrate, revision
from easyai.db.session import Database


def test_the_newest_revision_is_alembics_head() -> None:
    assert revision.newest() == ScriptDirectory.from_config(migrate._config()).get_current_head()


def test_revision_is_none_before_and_newest_after_the_migration(database_url: str) -> None:
    database = Database(database_url)
    with database.read() as conn:
        assert revision.revision(conn) is None
    migrate.upgrade(database_url)
    with database.read() as conn:
        assert revision.revision(conn) == revision.newest()
    database.dispose()


def test_reading_the_revision_does_not_load_alembic() -> None:
    code = "import sys, easyai.health.checks.dependencies; print('alembic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
