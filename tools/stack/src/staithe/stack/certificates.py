"""Which certificates the local stack has: several authorities, so that no certificate opens another's listener."""

from pathlib import Path
from typing import Final

from staithe.kernel.topology import Topology
from staithe.stack.layout import StackPaths
from staithe.stack.pki import Usage, ensure_authority, ensure_leaf

SERVERS: Final = ("broker", "registry", "issuer", "ingestion", "sanitization", "query")
"""Processes with a listener that clients connect to."""

KEYS: Final = "keys"
"""The key service; its authority signs it and its clients only, because a name in a certificate is a right there."""
BROKER_PEER: Final = "broker"
"""The only subject the broker authority ever signs: both ends of the internal and controller listeners."""


def listeners(paths: StackPaths) -> dict[str, Path]:
    """By the name of each TLS port: the certificate that it shows. A Milvus server's are its own."""
    shown = {name: paths.pki_services / f"{name}.pem" for name in SERVERS if name != BROKER_PEER}
    return shown | {
        "kafka_client": paths.pki_services / f"{BROKER_PEER}.pem",
        "kafka_internal": paths.pki_broker / f"{BROKER_PEER}.pem",
        "kafka_controller": paths.pki_broker / f"{BROKER_PEER}.pem",
        "registry_management": paths.pki_services / "registry.pem",
        KEYS: paths.pki_keys / f"{KEYS}.pem",
        "audit": paths.pki_log / "audit.pem",
    }


def prepare_certificates(paths: StackPaths, *, renew: bool = False) -> None:
    """Make every certificate of the services and broker authorities that is missing or near its end; with `renew` all.

    Safe to call at each start, like the others here.
    """
    services = ensure_authority(paths.pki_services, common_name="Staithe local services")
    for name in SERVERS:
        ensure_leaf(services, paths.pki_services, name, usage=Usage.SERVER, renew=renew)
    broker = ensure_authority(paths.pki_broker, common_name="Staithe local broker")
    ensure_leaf(broker, paths.pki_broker, BROKER_PEER, usage=Usage.PEER, renew=renew)


def prepare_key_certificates(paths: StackPaths, topology: Topology, *, renew: bool = False) -> None:
    """The same for the key service and everybody who may ask it."""
    keys = ensure_authority(paths.pki_keys, common_name="Staithe local keys")
    ensure_leaf(keys, paths.pki_keys, KEYS, usage=Usage.SERVER, renew=renew)
    for client in key_clients(topology):
        ensure_leaf(keys, paths.pki_keys, client, usage=Usage.CLIENT, renew=renew)


def key_clients(topology: Topology) -> tuple[str, ...]:
    """Whoever may ask the key service for anything; the certificate's common name is the principal."""
    everybody = {**topology.services, **topology.principals}
    return tuple(name for name, each in everybody.items() if each.asks_keys)


def prepare_log_certificates(paths: StackPaths, topology: Topology, *, renew: bool = False) -> None:
    """The same for the audit log's pages and each reader on the map.

    They have an authority of their own, because a name in a certificate is a right there.
    """
    log = ensure_authority(paths.pki_log, common_name="Staithe local audit log")
    for name, service in topology.services.items():
        if service.serves.log is not None:
            ensure_leaf(log, paths.pki_log, name, usage=Usage.SERVER, renew=renew)
        for reader in service.readers:
            ensure_leaf(log, paths.pki_log, reader, usage=Usage.CLIENT, renew=renew)
