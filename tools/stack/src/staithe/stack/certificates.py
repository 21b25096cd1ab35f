"""Which certificates the local stack has: several authorities, so that no certificate opens another's listener."""

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


def prepare_certificates(paths: StackPaths) -> None:
    """Make or renew every certificate of the services and broker authorities. Safe to call at each start."""
    services = ensure_authority(paths.pki_services, common_name="Staithe local services")
    for name in SERVERS:
        ensure_leaf(services, paths.pki_services, name, usage=Usage.SERVER)
    broker = ensure_authority(paths.pki_broker, common_name="Staithe local broker")
    ensure_leaf(broker, paths.pki_broker, BROKER_PEER, usage=Usage.PEER)


def prepare_key_certificates(paths: StackPaths, topology: Topology) -> None:
    """Make or renew the certificates of the key service and of everybody who may ask it. Safe to call at each start."""
    keys = ensure_authority(paths.pki_keys, common_name="Staithe local keys")
    ensure_leaf(keys, paths.pki_keys, KEYS, usage=Usage.SERVER)
    for client in key_clients(topology):
        ensure_leaf(keys, paths.pki_keys, client, usage=Usage.CLIENT)


def key_clients(topology: Topology) -> tuple[str, ...]:
    """Whoever may ask the key service for anything; the certificate's common name is the principal."""
    everybody = {**topology.services, **topology.principals}
    return tuple(name for name, each in everybody.items() if each.asks_keys)


def prepare_log_certificates(paths: StackPaths, topology: Topology) -> None:
    """Make or renew the certificates of the audit log's pages and of each reader on the map. Safe at each start.

    They have an authority of their own, because a name in a certificate is a right there.
    """
    log = ensure_authority(paths.pki_log, common_name="Staithe local audit log")
    for name, service in topology.services.items():
        if service.serves.log is not None:
            ensure_leaf(log, paths.pki_log, name, usage=Usage.SERVER)
        for reader in service.readers:
            ensure_leaf(log, paths.pki_log, reader, usage=Usage.CLIENT)
