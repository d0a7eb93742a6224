"""A certificate authority, and certificates for 127.0.0.1 that it signs, as in docs/tls.md."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.needs import program


class Authority:
    """Files of an authority below a folder: ca.pem, and NAME.pem with NAME.key."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.file = folder / "ca.pem"
        # Without the use of its key, Python 3.13 refuses an authority.
        use = "-addext keyUsage=critical,keyCertSign"
        made = f"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=own {use}"
        self._openssl(made)
        self.sign("server")
        self.sign("client")
        self.sign("other", names="DNS:other.example")
        for file in folder.iterdir():
            file.chmod(0o644)  # servers may run as another user

    def sign(self, name: str, names: str = "IP:127.0.0.1") -> None:
        """Make a key and a certificate."""
        (self._folder / "names").write_text(f"subjectAltName={names}")
        self._openssl(
            f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        )
        signed = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9"
        self._openssl(f"{signed} -extfile names -out {name}.pem")

    def pair(self, name: str) -> tuple[str, str]:
        """The files of a certificate and its key."""
        return str(self._folder / f"{name}.pem"), str(self._folder / f"{name}.key")

    def parameters(self, client: str = "client") -> str:
        """The query of an address, behind the ``?``."""
        certificate, key = self.pair(client)
        return f"ssl_ca_certs={self.file}&ssl_certfile={certificate}&ssl_keyfile={key}"

    def _openssl(self, arguments: str) -> None:
        command = [program("openssl", "openssl"), *arguments.split()]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True)
