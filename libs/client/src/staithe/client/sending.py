"""What both clients decide alike: addresses, headers, when to try again, how a stream is read."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from staithe.client import calls, models
from staithe.client.calls import Call, Received
from staithe.client.problems import Problem, TooManyRequests, Unreachable, problem_of

SECONDS_MAX_DEFAULT: Final = 30.0
TRIES_MAX_DEFAULT: Final = 3
PAUSE_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 10.0
"""A service that wants a longer pause than this is told about instead of waited for."""
Token = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the services are and who asks."""

    url: str
    token: Token
    uploads_url: str | None
    tries_max: int

    def address(self, call: Call[Any]) -> str:
        """The whole URL; raises ValueError where the address of uploads was not given."""
        base = self.url if call.service == calls.QUERY else self.uploads_url
        if base is None:
            raise ValueError("uploads_url is needed to publish: the address of the upload API")
        return base.rstrip("/") + call.path

    def headers(self, call: Call[Any]) -> dict[str, str]:
        """Those of the call, and the bearer token as it is now."""
        token = self.token if isinstance(self.token, str) else self.token()
        return {**call.headers, "Authorization": f"Bearer {token}"}

    def pause(self, call: Call[Any], problem: Problem, tries: int) -> float | None:
        """How long to wait before another try, or None when there shall be none."""
        if tries >= self.tries_max or not isinstance(problem, TooManyRequests | Unreachable):
            return None
        # A request that never arrived (429 is one that was not begun) may be sent again whatever it is.
        if not call.repeatable and not isinstance(problem, TooManyRequests):
            return None
        wanted = problem.retry_after if problem.retry_after is not None else PAUSE_SECONDS * 2 ** (tries - 1)
        return wanted if wanted <= PAUSE_SECONDS_MAX else None


def checked(url: str, token: Token, uploads_url: str | None, tries_max: int) -> Settings:
    """The settings; raises ValueError for an address without TLS or a number of tries below one."""
    if not all(each is None or each.startswith("https://") for each in (url, uploads_url)):
        raise ValueError("addresses must begin with https://: a token is not sent in clear")
    if tries_max < 1:
        raise ValueError("tries_max must be at least 1")
    return Settings(url, token, uploads_url, tries_max)


def tls(ca_file: Path | str | None) -> ssl.SSLContext:
    """Whom to trust: the system's authorities, or the one in `ca_file` alone. TLS 1.3, as the services speak."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def read(call: "Call[calls.Told]", status: int, body: bytes, headers: Mapping[str, str]) -> "calls.Told":
    """What was told; raises Problem for anything but a success."""
    if not 200 <= status < 300:
        raise problem_of(status, body, headers)
    return call.read(Received(body, headers))


def unreachable(error: Exception) -> Unreachable:
    """The failure of a connection."""
    return Unreachable(0, "no-answer", f"The service does not answer ({type(error).__name__}).")


def event(name: str, data: str) -> models.SentenceTold | models.Answer | None:
    """What one event of a streamed answer tells, None for mere progress; raises Problem when it is an error."""
    if name == "error":
        raise problem_of(int(json.loads(data).get("status", 0)), data.encode(), {})
    if name == "sentence":
        return models.SentenceTold.model_validate_json(data)
    if name == "done":
        return calls.read_answer(Received(data.encode(), {}))
    return None


BROKEN_OFF: Final = "The answer broke off; ask again."
