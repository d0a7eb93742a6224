"""A fake in front of a real object store: something happens just before it gets a request."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.store.stale_listing import StaleListings


class Between(StaleListings):
    """Passes everything on; `happens` is called once, before the request of a number comes in."""

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port, stale_sec=0.0)
        self.asked: list[str] = []  # the methods of the requests since `before`
        self._number = 0
        self._happens: Callable[[], None] = lambda: None

    def before(self, number: int, happens: Callable[[], None]) -> None:
        """From now on requests are counted, beginning with 1."""
        self.asked, self._number, self._happens = [], number, happens

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """The store's own answer."""
        self.asked.append(method)
        if len(self.asked) == self._number:
            self._happens()
        return super().answer(method, path, headers, body)
