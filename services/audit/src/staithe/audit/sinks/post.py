"""Sending a body over HTTPS and sorting the answers: taken, try again, or never."""

import ssl
import time
from collections.abc import Mapping
from typing import Final

import httpx2

from staithe.audit.sinks.sink import ANSWER_BYTES_MAX, TIMEOUT_SECONDS
from staithe.kernel.errors import AccessDenied, ConfigurationError, StaitheError, Unavailable

_LATER: Final = frozenset({408, 425, 429})
"""Of the 4xx the only ones that ask for the same request again (RFC 9110 section 15.5.9, RFC 8470, RFC 6585)."""

ANSWER_SECONDS_MAX: Final = 30.0
"""For a whole request: a sink that sends its answer byte by byte must not hold the forwarder."""


class Poster:
    """POST to one receiver over TLS 1.3, redirects and proxies of the environment not followed."""

    def __init__(
        self, base_url: str, context: ssl.SSLContext, headers: Mapping[str, str], *,
        answer_seconds: float = ANSWER_SECONDS_MAX,
    ) -> None:  # fmt: skip
        self._answer_seconds = answer_seconds
        self._client = httpx2.Client(
            base_url=base_url.rstrip("/"), verify=context, headers=dict(headers), timeout=TIMEOUT_SECONDS,
            trust_env=False, follow_redirects=False,
        )  # fmt: skip

    def post(self, path: str, body: bytes, content_type: str) -> bytes:
        """The body of a 2xx answer, in full.

        Raises Unavailable when nobody answers, on 5xx, on 408, 425 and 429 and when the answer is too long or
        takes too long; AccessDenied on 401 and 403 and for a certificate that is not trusted; ConfigurationError on any
        other answer.
        """
        answer, latest = bytearray(), time.monotonic() + self._answer_seconds
        try:
            with self._client.stream("POST", path, content=body, headers={"Content-Type": content_type}) as response:
                _check_status(response.status_code)
                for part in response.iter_bytes():
                    answer += part
                    if len(answer) > ANSWER_BYTES_MAX or time.monotonic() > latest:
                        raise Unavailable("the sink's answer is too long or too slow", reason_code="SINK_ANSWER_ODD")
        except httpx2.HTTPError as error:
            raise sorted_out(error) from error
        return bytes(answer)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


def _check_status(status: int) -> None:
    if 200 <= status < 300:
        return
    if status >= 500 or status in _LATER:
        raise Unavailable(f"the sink cannot take events now (HTTP {status})", reason_code="SINK_UNAVAILABLE")
    if status in {401, 403}:
        raise AccessDenied(
            f"the sink refuses the token or the certificate (HTTP {status})", reason_code="SINK_ACCESS_DENIED"
        )
    raise ConfigurationError(
        f"the sink refuses these events (HTTP {status}): check its address and what it takes",
        reason_code="SINK_REFUSED",
    )


def sorted_out(error: BaseException) -> StaitheError:
    """What a failed connection means: a certificate that does not fit stops, everything else is tried again."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return AccessDenied(
                f"the sink's certificate is not trusted: {cause.verify_message}", reason_code="SINK_CERTIFICATE"
            )
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            return AccessDenied(f"the sink ended TLS ({cause.reason})", reason_code="SINK_TLS")
        cause = cause.__cause__ or cause.__context__
    return Unavailable("the sink does not answer", reason_code="SINK_UNREACHABLE")
