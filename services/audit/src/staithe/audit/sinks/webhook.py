"""JSON lines over HTTPS, for any collector: one POST a batch, any 2xx acknowledges it."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from staithe.audit.sinks.post import Poster
from staithe.audit.sinks.sink import Forwarded

CONTENT_TYPE: Final = "application/x-ndjson"


class Webhook:
    """Posts to exactly the address given, with `Authorization: Bearer` when there is a token (RFC 6750)."""

    def __init__(self, url: str, context: ssl.SSLContext, token: str | None) -> None:
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._poster = Poster(f"https://{parts.netloc}", context, headers)

    def send(self, events: list[Forwarded]) -> None:
        """Post one line for each event."""
        self._poster.post(self._path, "".join(f"{event.line()}\n" for event in events).encode(), CONTENT_TYPE)

    def close(self) -> None:
        """Let the connections go."""
        self._poster.close()
