"""Gives a running stack new certificates and passwords, one process after the other, without losing an event.

Listeners of our own services follow their files (`kernel.tls`), the registry looks every few seconds; only the broker
is started again for its certificates. A process is started again for its password, which it reads once. Streams go on
from what is committed, sources send again, so nothing is lost or doubled; there is a pause, and the authorities stay.
"""

import json
import os
import secrets
import signal
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.kernel.files import write_secret
from staithe.kernel.stream.admin import Operator
from staithe.stack import broker
from staithe.stack.bringup import Stack
from staithe.stack.certificates import (
    listeners,
    prepare_certificates,
    prepare_key_certificates,
    prepare_log_certificates,
)
from staithe.stack.limits import ROTATION_SECONDS_MAX
from staithe.stack.ports import HOST
from staithe.stack.provision import users_of
from staithe.stack.secrets import KAFKA_PASSWORD, PASSWORD_BYTES
from staithe.stack.supervisor import State

POLL_SECONDS: Final = 0.2
SHOW_SECONDS_MAX: Final = 5.0
"""For one handshake."""


class Rotation:
    """What can be renewed in the running stack of a folder; every method blocks until the new is in use."""

    def __init__(self, stack: Stack, announce: Callable[[str], None]) -> None:
        self._stack, self._announce = stack, announce

    def certificates(self) -> list[str]:
        """Renew every certificate but the authorities'; returns the listeners, which all show theirs now.

        Raises Unavailable when a process is not ready before, or a listener does not follow in time.
        """
        self._require_ready()
        paths, topology = self._stack.paths, self._stack.topology
        prepare_certificates(paths, renew=True)
        prepare_key_certificates(paths, topology, renew=True)
        prepare_log_certificates(paths, topology, renew=True)
        broker.write_keystores(paths)
        self._restart(broker.NAME)
        shown = listeners(paths)
        for name, file in shown.items():
            self._until(f"{name} shows its new certificate", partial(self._shows, name, file))
        self._require_ready()
        return list(shown)

    def passwords(self, principals: Iterable[str]) -> list[str]:
        """Give each principal a new password on the broker and in its folder, and start it again if it is a service.

        Without principals: every service. Raises ConfigurationError for a name without a password of its own, and
        Unavailable as `certificates` does. Cut short, it leaves a password that `staithe topology apply` sets back to
        what the folder says.
        """
        chosen = list(principals) or list(self._stack.topology.services)
        for name in chosen:
            if name not in users_of(self._stack.topology):
                raise ConfigurationError(
                    f"{name} has no password to renew: name one of {', '.join(users_of(self._stack.topology))}",
                    reason_code="UNKNOWN_PRINCIPAL",
                )
        self._require_ready()
        operator = Operator(self._stack.operator_access())
        for name in chosen:
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            operator.set_passwords({name: password})
            write_secret(self._stack.paths.secrets_of(name) / KAFKA_PASSWORD, password.encode())
            if name in self._stack.topology.services:
                self._restart(name)
        return chosen

    def _restart(self, name: str) -> None:
        """End a process as its supervisor would, and wait until it has started it again."""
        self._announce(f"starting {name} again")
        before = self._processes()[name]["pid"]
        os.killpg(before, signal.SIGTERM)

        def again() -> bool:
            now = self._processes()[name]
            return bool(now["state"] == State.READY and now["pid"] not in (None, before))

        self._until(f"{name} is ready again", again)

    def _require_ready(self) -> None:
        """Return once every process is ready."""
        self._until(
            "every process is ready", lambda: all(each["state"] == State.READY for each in self._processes().values())
        )

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ROTATION_SECONDS_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"waited {ROTATION_SECONDS_MAX:.0f} s until {what}; see `staithe status`",
                    reason_code="ROTATION_STUCK",
                )
            time.sleep(POLL_SECONDS)

    def _processes(self) -> dict[str, dict[str, Any]]:
        try:
            processes: dict[str, dict[str, Any]] = json.loads(self._stack.paths.state.read_text())["processes"]
        except FileNotFoundError as error:
            raise Unavailable("no stack runs here: start one with `staithe up`", reason_code="STACK_DOWN") from error
        return processes

    def _shows(self, name: str, file: Path) -> bool:
        """Whether a port shows the certificate in `file`."""
        try:
            shown = ssl.get_server_certificate((HOST, self._stack.ports.of(name)), timeout=SHOW_SECONDS_MAX)
        except OSError:
            return False
        return shown.strip() == file.read_text().strip()
