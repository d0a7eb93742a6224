"""PostgreSQL as a careful operator sets it up: TLS, a password file, least rights, a schema."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.production.databases.replication import Primary
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.needs import program
from tests.support.site import TYPE, Installation

# docs/databases.md
_RIGHTS = """
    GRANT USAGE ON SCHEMA site TO app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA site TO app;
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA site TO app;
    ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA site
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;
    ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA site
        GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO app;
"""


class SecureServer(Primary):
    """Takes others than its tester with TLS and a password only."""

    def __init__(self, authority: Path) -> None:
        super().__init__()
        for name in ("server.pem", "server.key"):
            path = self.folder / name
            shutil.copyfile(authority / name, path)
            path.chmod(0o600)
            if self.user:
                shutil.chown(path, self.user, self.user)
        self.settings = {
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.pem"),
            "ssl_key_file": str(self.folder / "server.key"),
        }

    def _make_cluster(self) -> None:
        super()._make_cluster()
        (self.folder / "data" / "pg_hba.conf").write_text(
            "host postgres easyai 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA (ca.pem) and a certificate for 127.0.0.1 that it has signed."""
    folder = tmp_path_factory.mktemp("ca")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for arguments in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=own",
        "req -x509 -newkey rsa:2048 -nodes -keyout no.key -out no.pem -days 9 -subj /CN=other",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9"
        " -extfile names -out server.pem",
    ):
        command = [program("openssl", "openssl"), *arguments.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def server(authority: Path) -> Iterator[SecureServer]:
    """A server with an owner of the schema `site` and a user of it."""
    made = SecureServer(authority)
    try:
        made.start()
        made.execute("CREATE ROLE owner LOGIN PASSWORD 'of the owner'")
        made.execute("CREATE ROLE app LOGIN PASSWORD 'of the app'")
        made.execute("ALTER ROLE app SET search_path = site")
        made.execute("CREATE DATABASE easyai OWNER owner")
        yield made
    finally:
        made.close()


@pytest.fixture
def url(
    server: SecureServer, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The URL of the user, without a password: that is in a file."""
    passwords = tmp_path / "pgpass"
    passwords.write_text("*:*:*:app:of the app\n*:*:*:owner:of the owner\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    tls = f"sslmode=verify-full&sslrootcert={authority / 'ca.pem'}"
    return f"postgresql://app@127.0.0.1:{server.port}/easyai?{tls}"


def test_server_certificate_of_another_authority_is_refused(url: str) -> None:
    _refused(url.replace("ca.pem", "no.pem"), "certificate verify failed")
    _refused(url.replace("verify-full", "disable"), "no encryption")


def test_login_without_the_password_file_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    _refused(url, "password")


def test_user_without_the_right_to_create_tables_infers_frames(
    url: str, tmp_path: Path, algorithm: AlgorithmStub, server: SecureServer
) -> None:
    owner = f"{url.replace('app@', 'owner@')}&options=-csearch_path%3Dsite"
    _execute(owner, "CREATE SCHEMA site")
    with pytest.raises(DatabaseUnavailableError, match="refuses its user"):
        migrate.upgrade(url)
    migrate.upgrade(owner)
    _execute(owner, _RIGHTS)
    assert migrate.upgrade(url) == migrate.newest(), "nothing to do, and allowed"
    site = Installation(tmp_path, url, frame_stable_sec=0.2)
    try:
        site.register(algorithm)
        site.put(f"{TYPE}/门口/1.jpg")
        site.work(site.loop())
        assert len(site.alerts()) == 1
        (row,) = site.rows("SELECT count(*) AS n FROM pg_tables WHERE schemaname = 'public'")
        assert row["n"] == 0, "everything is in the schema"
    finally:
        site.close()


def _execute(url: str, statements: str) -> None:
    database = Database(url)
    try:
        with database.write() as conn:
            conn.exec_driver_sql(statements)
    finally:
        database.dispose()


def _refused(url: str, words: str) -> None:
    database = Database(url)
    try:
        with pytest.raises(DatabaseUnavailableError, match=words), database.read():
            pass
    finally:
        database.dispose()
