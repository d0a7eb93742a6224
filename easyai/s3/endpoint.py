"""Where a bucket is: the address of an S3 server, and how a request names the bucket.

A request names the bucket in its path. The servers of AWS and Alibaba want it in the host name,
except for a bucket with dots over TLS, because no certificate has such a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from easyai.s3.signature_v4 import quoted_path

_AWS: Final = re.compile(
    r"(?P<service>(?:[a-z0-9-]+\.)*s3(?:-[a-z0-9-]+)?\.)(?P<dualstack>dualstack\.)?"
    r"(?:(?P<region>[a-z0-9-]+)\.)??(?P<rest>(?:vpce\.)?amazonaws\.com(?P<china>\.cn)?)"
)
_REGIONAL: Final = ("s3.", "s3-fips.")  # names that a region follows
_BALANCER: Final = re.compile(r"(?:.*\.)?([a-z0-9-]+)\.elb\.amazonaws\.com")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{1,61}[a-z0-9]", re.IGNORECASE)
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_PORTS: Final = {False: 80, True: 443}


class Place(NamedTuple):
    """Where the requests for a bucket go."""

    host: str  # to connect to
    port: int
    authority: str  # the header Host
    path: str  # begins every path; '' when the host names the bucket

    def path_of(self, key: str) -> str:
        """The encoded path of a key; '' means the bucket."""
        return f"{self.path}/{quoted_path(key)}" if key or not self.path else self.path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of an S3 server."""

    host: str  # ASCII
    port: int
    secure: bool  # over TLS

    @classmethod
    def parse(cls, text: str, *, secure: bool) -> Endpoint:
        """The endpoint of ``host:port``; raises ValueError with the reason for another text."""
        url = urlsplit(f"//{text}")
        for name in ("path", "query", "fragment"):
            if getattr(url, name) not in ("", "/" if name == "path" else ""):
                raise ValueError(f"{name} in endpoint is not allowed")
        if url.username is not None or url.password is not None:
            raise ValueError("username in endpoint is not allowed")
        endpoint = cls(_host(url), _port(url, secure=secure), secure)
        aws = _AWS.fullmatch(endpoint.host)
        if aws and aws["china"] and not aws["region"]:
            raise ValueError(f"region missing in Amazon S3 China endpoint {endpoint.host}")
        return endpoint

    @property
    def region(self) -> str:
        """The region that the host name states, or ''."""
        match = _AWS.fullmatch(self.host)
        region = (match["region"] or "") if match else ""
        balancer = _BALANCER.fullmatch(self.host)
        return balancer[1] if balancer else region

    def region_of(self, location: str) -> str:
        """The region for a bucket's location; '' for the server's default."""
        return "eu-west-1" if location == "EU" and _AWS.fullmatch(self.host) else location

    def place(self, bucket: str, region: str, *, in_path: bool = False) -> Place:
        """Where the requests for a bucket in a region go; `in_path`: the path names the bucket."""
        match = _AWS.fullmatch(self.host)
        host = self.host
        if match and match["service"] in _REGIONAL:
            host = f"{match['service']}{match['dualstack'] or ''}{region}.{match['rest']}"
        names = (match is not None or host.endswith("aliyuncs.com")) and not in_path
        if names and not ("." in bucket and self.secure):
            host, path = f"{bucket}.{host}", ""
        else:
            path = f"/{bucket}"
        name = f"[{host}]" if ":" in host else host
        authority = name if self.port == _PORTS[self.secure] else f"{name}:{self.port}"
        return Place(host, self.port, authority, path)


def is_bucket_name(name: str) -> bool:
    """Whether a bucket can have this name."""
    odd = any(pair in name for pair in ("..", ".-", "-."))
    return bool(_BUCKET.fullmatch(name)) and not odd and not _IPV4.fullmatch(name)


def _host(url: SplitResult) -> str:
    try:
        host = (url.hostname or "").encode("idna").decode()
    except UnicodeError:
        raise ValueError("invalid host") from None
    if not host or any(character in host for character in "\\ %"):
        raise ValueError("invalid host")
    return host


def _port(url: SplitResult, *, secure: bool) -> int:
    try:
        return url.port or _PORTS[secure]
    except ValueError:
        raise ValueError("invalid port") from None
