"""Makes the picture links in answers, so that the client can open them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Request

from easyai.api.parts import RuntimePart
from easyai.domain.alert import IMAGE_URL_TTL_SEC
from easyai.pipeline.link_base import rebased
from easyai.runtime import Runtime
from easyai.settings.schema import ANY_ADDRESS

_HOST: Final = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?", re.ASCII)


class PictureLinks:
    """Makes the picture links of an answer."""

    def __init__(self, runtime: Runtime, host: str) -> None:
        """`host`: the request's Host header."""
        self._store = runtime.store
        own = runtime.settings.easyai
        self._usual = self._base = own.effective_public_url
        # When the server listens on every address, only the request shows the address to use.
        if not own.public_url and own.host in ANY_ADDRESS and _HOST.fullmatch(host):
            self._base = f"http://{host}"

    def to(self, path: str) -> str:
        """The signed link to a picture; '' for an alert without a picture."""
        if not path:
            return ""
        return rebased(self._store.url(path, IMAGE_URL_TTL_SEC), self._usual, self._base)


async def _links(request: Request, runtime: RuntimePart) -> PictureLinks:
    return PictureLinks(runtime, request.headers.get("host", ""))


PictureLinksPart = Annotated[PictureLinks, Depends(_links)]
