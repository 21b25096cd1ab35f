"""What the services refuse, as exceptions: problem details (RFC 9457) with the slug of their `type`."""

import json
from collections.abc import Mapping
from typing import Final

RETRY_SECONDS_DEFAULT: Final = 1.0


class Problem(Exception):
    """A request that was not served. `slug` is stable, such as `document-too-large`; `detail` is for people."""

    def __init__(self, status: int, slug: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{detail} ({slug})")
        self.status, self.slug, self.detail, self.retry_after = status, slug, detail, retry_after


class Unauthorized(Problem):
    """401: the token is missing, expired or not accepted here."""


class Forbidden(Problem):
    """403: the token lacks a scope, or its tenant is not set up."""


class NotFound(Problem):
    """404: there is no such thing, or the caller may not see it; the two look the same."""


class Conflict(Problem):
    """409: not now, or not any more; `detail` says which."""


class TooManyRequests(Problem):
    """429: a quota is spent; `retry_after` says for how many seconds."""


class Refused(Problem):
    """Any other refusal of the request as it is (4xx): sending it again changes nothing."""


class Unreachable(Problem):
    """The service is not there, or cannot answer now (5xx). `status` is 0 where nothing answered."""


_CLASSES: Final = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 429: TooManyRequests}


def problem_of(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """The exception for an answer that is no success."""
    try:
        told = json.loads(body)
        slug, detail = str(told["type"]).rpartition(":")[2], str(told["detail"])
    except (ValueError, KeyError, TypeError):
        slug, detail = "unexpected-answer", f"The service answered with {status}."
    kind = _CLASSES.get(status, Unreachable if status >= 500 or status == 0 else Refused)
    return kind(status, slug, detail, _seconds(headers.get("Retry-After")))


def _seconds(header: str | None) -> float | None:
    """Retry-After as seconds; a date is not something our services send."""
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:
        return RETRY_SECONDS_DEFAULT
