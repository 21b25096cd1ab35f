"""Joins the key service's parts."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.files import read_password
from staithe.kernel.http import serve_https
from staithe.kernel.service import Runtime
from staithe.kernel.stream.assembly import event_codec
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.topology import load_topology
from staithe.keys.audit import SERVICE, KeyTrail
from staithe.keys.backends import TenantKeys
from staithe.keys.backends.file import FileTenantKeys
from staithe.keys.backends.transit import TransitTenantKeys
from staithe.keys.http import KeyRoutes
from staithe.keys.policy import rights_of
from staithe.keys.settings import KeysSettings
from staithe.keys.stage import KeyRoom
from staithe.keys.store import KeyStore
from staithe.keys.tenants import load_tenants


class KeysApplication:
    """The room of the keys and its one thread, behind the HTTPS listener."""

    def __init__(
        self, settings: KeysSettings, room: KeyRoom, routes: KeyRoutes, worker: ThreadPoolExecutor, *,
        publisher: Publisher, tenants: Sequence[str],
    ) -> None:  # fmt: skip
        self._settings, self._room, self._routes, self._worker = settings, room, routes, worker
        self._publisher, self._tenants = publisher, tenants
        self._server: web.AppRunner | None = None

    async def start(self) -> None:
        """Make the keys of new tenants, finish rotations that a stop interrupted, then listen.

        Raises ConfigurationError when the port is not ours, and Unavailable when the backend does not answer.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, self._room.ensure_tenants, self._tenants)
        for tenant in self._tenants:
            await self._routes.finish_rotation(tenant)
        settings = self._settings
        try:
            self._server = await serve_https(
                self._routes.application(), host=settings.https_host, port=settings.https_port,
                certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
                clients_ca_file=settings.clients_ca_file,
            )  # fmt: skip
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.https_port} on {settings.https_host} is taken or not ours: "
                "set STAITHE_KEYS_HTTPS_PORT to a free one",
                reason_code="PORT_BUSY",
            ) from error

    def fatal(self) -> StaitheError | None:
        """Nothing that happens to one request stops the service."""
        return None

    async def stop(self) -> None:
        """Finish the requests under way."""
        if self._server is not None:
            await self._server.cleanup()
        self._worker.shutdown(wait=True)
        await asyncio.to_thread(self._publisher.close)


def build(runtime: Runtime, settings: KeysSettings) -> KeysApplication:
    """The service, not yet listening; raises ConfigurationError when a file is not usable."""
    topology = load_topology(settings.topology_file)
    room = KeyRoom(KeyStore(settings.store_file), tenant_keys(settings), runtime.clock)
    publisher = Publisher(KafkaAccess.of(SERVICE, settings), event_codec(settings))
    # One thread: it owns the store, and two requests for a new version must not make two secrets.
    worker = ThreadPoolExecutor(1, thread_name_prefix="keys")
    routes = KeyRoutes(
        room, rights_of(topology), KeyTrail(publisher, runtime.clock), worker,
        metrics=runtime.metrics, logger=runtime.logger,
    )  # fmt: skip
    return KeysApplication(
        settings, room, routes, worker, publisher=publisher, tenants=tuple(load_tenants(settings.tenants_file))
    )


def tenant_keys(settings: KeysSettings) -> TenantKeys:
    """The backend that the settings choose."""
    if settings.backend == "transit":
        return TransitTenantKeys.from_files(
            url=settings.transit_url, mount=settings.transit_mount, ca_file=_given(settings.transit_ca_file),
            role_id_file=_given(settings.transit_role_id_file),
            secret_id_file=_given(settings.transit_secret_id_file),
        )  # fmt: skip
    passphrase = read_password(settings.passphrase_file) if settings.passphrase_file else None
    return FileTenantKeys(_given(settings.tenant_keys_file), passphrase)


def _given(path: Path | None) -> Path:
    assert path is not None  # noqa: S101 - the settings have checked what belongs together
    return path
