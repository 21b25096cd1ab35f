"""Syslog: RFC 5424 messages over TLS with octet counting (RFC 5425).

Syslog has no acknowledgement of a message. What there is, is the end of a connection: a receiver answers the sender's
close_notify with its own (RFC 5425 section 4.4), and TLS delivers in order, so that its TLS layer has then read every
byte before. Therefore each batch has a connection of its own and counts when that was closed from both sides. What a
receiver has read it may still lose: use another sink where that matters.
"""

import socket
import ssl
from datetime import UTC, datetime
from typing import Final

from staithe.audit.sinks.post import sorted_out
from staithe.audit.sinks.sink import TIMEOUT_SECONDS, Forwarded

PORT: Final = 6514
_FACILITY: Final = 13
"""Log audit (RFC 5424 section 6.2.1)."""
_SEVERITIES: Final = {1: 6, 3: 4, 4: 3, 5: 2}
"""OCSF's severity to syslog's: informational, warning, error, critical."""
_SEQUENCE_MAX: Final = 2_147_483_647
_MSGID_MAX: Final = 32
_HOSTNAME_MAX: Final = 255


class Syslog:
    """One receiver; a connection for each batch."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._host, self._port, self._context = host, port, context

    def send(self, events: list[Forwarded]) -> None:
        """Send the batch and wait until the receiver has closed in order."""
        try:
            with (
                socket.create_connection((self._host, self._port), TIMEOUT_SECONDS) as plain,
                self._context.wrap_socket(plain, server_hostname=self._host) as secured,
            ):
                secured.sendall(b"".join(framed(event) for event in events))
                secured.unwrap()
        except OSError as error:  # ssl.SSLError is one
            raise sorted_out(error) from error

    def close(self) -> None:
        """Nothing stays open between batches."""


def framed(event: Forwarded) -> bytes:
    """The message with its length before it."""
    message = syslog_message(event).encode()
    return b"%d %b" % (len(message), message)


def syslog_message(event: Forwarded) -> str:
    """The event as one RFC 5424 message: OCSF as UTF-8 JSON in MSG, and the leaf index, from 1, as `sequenceId`.

    sequenceId starts over above 2^31 - 1 (section 7.3.1); `metadata.sequence` in the JSON does not.
    """
    priority = _FACILITY * 8 + _SEVERITIES.get(event.ocsf["severity_id"], 6)
    moment = datetime.fromtimestamp(event.ocsf["time"] / 1000, UTC).isoformat(timespec="milliseconds")
    host = event.ocsf["metadata"]["log_name"].partition("/")[0]
    host = host[:_HOSTNAME_MAX] if host.isascii() and host else "-"
    msgid = event.ocsf["message"][:_MSGID_MAX]
    sequence = None if event.leaf_index is None else event.leaf_index % _SEQUENCE_MAX + 1
    data = "-" if sequence is None else f'[meta sequenceId="{sequence}"]'
    stamp = moment.replace("+00:00", "Z")
    return f"<{priority}>1 {stamp} {host} staithe-audit - {msgid} {data} \ufeff{event.line()}"
