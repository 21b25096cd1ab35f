"""From `--sink` to a sink."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from staithe.audit.sinks.hec import Hec, Wait
from staithe.audit.sinks.jsonl import JsonLines
from staithe.audit.sinks.otlp import Otlp
from staithe.audit.sinks.sink import Sink
from staithe.audit.sinks.syslog import PORT, Syslog
from staithe.audit.sinks.webhook import Webhook
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import read_password
from staithe.kernel.tls import client_context


@dataclass(frozen=True, slots=True)
class Identity:
    """What a sink is trusted by, and what it is shown: files."""

    ca: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    token: Path | None = None


def open_sink(address: str, identity: Identity, wait: Wait) -> Sink:
    """The sink at an address.

    Raises ConfigurationError for any other address, for a missing authority or token, and for a token file that
    others may read.
    """
    if address.startswith("jsonl:") and len(address) > len("jsonl:"):
        return JsonLines(Path(address.removeprefix("jsonl:")))
    parts = _parts(address)
    if (identity.certificate is None) != (identity.private_key is None):
        raise ConfigurationError("--sink-certificate and --sink-private-key go together", reason_code="USAGE")
    if identity.ca is None:
        raise ConfigurationError(
            "the sink needs --sink-ca, the authority of its certificate (for a public one your system's bundle)",
            reason_code="USAGE",
        )
    context = client_context(identity.ca, identity.certificate, identity.private_key)
    token = None if identity.token is None else read_password(identity.token)
    return _over_tls(parts, context, token, wait)


def _over_tls(parts: SplitResult, context: ssl.SSLContext, token: str | None, wait: Wait) -> Sink:
    url = parts._replace(scheme="https").geturl()
    if parts.scheme == "syslog+tls":
        return Syslog(parts.hostname or "", parts.port or PORT, context)
    if parts.scheme == "otlp+https":
        return Otlp(url, context, token)
    if parts.scheme == "https":
        return Webhook(url, context, token)
    if token is None:
        raise ConfigurationError("the collector needs --token-file", reason_code="USAGE")
    return Hec(url, context, token, wait)


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"syslog+tls", "hec+https", "otlp+https", "https"}:
        raise ConfigurationError(
            "a sink is jsonl:PATH, syslog+tls://HOST:PORT, hec+https://…, otlp+https://… or https://…, without a"
            " password in it",
            reason_code="SINK_ADDRESS",
        )
    return parts
