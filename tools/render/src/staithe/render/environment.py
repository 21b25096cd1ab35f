"""What each service is told: settings `STAITHE_<SERVICE>_<NAME>` and the files its secrets lie in.

Only names and places are here, never a secret. A contract test compares every name with the service's settings class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from staithe.kernel.topology import KEYRING_PURPOSE, Service, Topology

HTTPS_PORT: Final = 8443
HEALTH_PORT: Final = 8080
ALL_INTERFACES: Final = "0.0.0.0"  # noqa: S104 - inside a container, whose networks are the boundary

SECRETS: Final = "/run/secrets"
"""Where secrets appear in a container, each readable by the container's user only."""

TRUST: Final = "/etc/staithe/trust"
"""Where public material appears: authorities and lineage keys."""

AUDIT: Final = "/var/lib/staithe/audit"
AUDIT_LOG: Final = f"{AUDIT}/log"
MODEL: Final = "/app/model"
POLICY: Final = "/app/policies/sanitization.yaml"
KEYS_STATE: Final = "/var/lib/staithe/keys"
OBJECTS: Final = "/var/lib/staithe/objects"
TENANTS: Final = "/app/tenants.yaml"
AUTHENTICATION: Final = "/app/policies/authentication.yaml"
ACCESS: Final = "/app/policies/access.yaml"


@dataclass(frozen=True)
class Site:
    """Where the parts are reached from inside a container."""

    kafka_bootstrap: str
    registry_url: str
    milvus_uri: str
    issuer_url: str
    milvus_server_name: str
    keys_url: str
    objects_url: str
    objects_endpoint: str = ""
    console_url: str = ""


NOWHERE: Final = Site("", "", "", "", "", "", "")
"""For questions whose answer does not depend on addresses."""


@dataclass(frozen=True)
class _Subject:
    name: str
    service: Service
    site: Site


_Rule = tuple[Callable[[Service], bool], Callable[[_Subject], str]]


def _always(_: Service) -> bool:
    return True


def _serves(service: Service) -> bool:
    return service.serves.https is not None


def _stores(service: Service) -> bool:
    return service.milvus is not None


def _has_objects(service: Service) -> bool:
    return service.objects


def _knows_tenants(service: Service) -> bool:
    return service.objects or service.serves.keys is not None


def _serves_log(service: Service) -> bool:
    return service.serves.log is not None


def _is_stage(service: Service) -> bool:
    """Moves documents, so it signs its step and checks those before it."""
    return service.transactional


def _has_keyring(service: Service) -> bool:
    return KEYRING_PURPOSE in service.seals


def _asks_keys(service: Service) -> bool:
    return service.asks_keys


def _listens(service: Service) -> bool:
    return _serves(service) or _serves_log(service) or service.serves.keys is not None


def _fixed(value: str) -> Callable[[_Subject], str]:
    return lambda _: value


_SETTINGS: Final[dict[str, _Rule]] = {
    "KAFKA_BOOTSTRAP": (_always, lambda subject: subject.site.kafka_bootstrap),
    "KAFKA_PASSWORD_FILE": (_always, _fixed(f"{SECRETS}/kafka_password")),
    "CA_FILE": (_always, _fixed(f"{TRUST}/ca.pem")),
    "REGISTRY_URL": (_always, lambda subject: subject.site.registry_url),
    "SCHEMAS_DIR": (_always, _fixed("/app/schemas")),
    "TOPOLOGY_FILE": (_always, _fixed("/app/topology.yaml")),
    "HEALTH_HOST": (_always, _fixed(ALL_INTERFACES)),
    "HEALTH_PORT": (_always, _fixed(str(HEALTH_PORT))),
    "SIGNING_KEY_FILE": (_is_stage, _fixed(f"{SECRETS}/signing.key")),
    "TRUST_FILE": (_is_stage, _fixed(f"{TRUST}/lineage.json")),
    "KEYRING_FILE": (_has_keyring, _fixed(f"{SECRETS}/keyring.json")),
    "HTTPS_HOST": (_listens, _fixed(ALL_INTERFACES)),
    "HTTPS_PORT": (_listens, _fixed(str(HTTPS_PORT))),
    "CERTIFICATE_FILE": (_listens, _fixed(f"{SECRETS}/tls.pem")),
    "PRIVATE_KEY_FILE": (_listens, _fixed(f"{SECRETS}/tls.key")),
    "KEYS_URL": (_asks_keys, lambda subject: subject.site.keys_url),
    "KEYS_CERTIFICATE_FILE": (_asks_keys, _fixed(f"{SECRETS}/keys.pem")),
    "KEYS_PRIVATE_KEY_FILE": (_asks_keys, _fixed(f"{SECRETS}/keys.key")),
    "KEYS_CA_FILE": (_asks_keys, _fixed(f"{TRUST}/keys_ca.pem")),
    "OBJECTS_URL": (_has_objects, lambda subject: subject.site.objects_url),
    "OBJECTS_ENDPOINT": (_has_objects, lambda subject: subject.site.objects_endpoint),
    "TENANTS_FILE": (_knows_tenants, _fixed(TENANTS)),
    "CLIENTS_CA_FILE": (_serves_log, _fixed(f"{TRUST}/log_ca.pem")),
    "ISSUER_URL": (_serves, lambda subject: subject.site.issuer_url),
    "AUDIENCE": (_serves, lambda subject: f"staithe-{subject.name}"),
    "MILVUS_URI": (_stores, lambda subject: subject.site.milvus_uri),
    "MILVUS_SERVER_NAME": (_stores, lambda subject: subject.site.milvus_server_name),
    "MILVUS_USER": (_stores, lambda subject: subject.name),
    "MILVUS_PASSWORD_FILE": (_stores, _fixed(f"{SECRETS}/milvus_password")),
    "MILVUS_CERTIFICATE_FILE": (_stores, _fixed(f"{SECRETS}/milvus.pem")),
    "MILVUS_PRIVATE_KEY_FILE": (_stores, _fixed(f"{SECRETS}/milvus.key")),
    "MILVUS_CA_FILE": (_stores, _fixed(f"{TRUST}/milvus_ca.pem")),
}
"""Settings that follow from what the map says of a service."""

_OWN: Final[dict[str, dict[str, str]]] = {
    "sanitization": {"POLICY_FILE": POLICY, "PSEUDONYM_KEY_FILE": f"{SECRETS}/pseudonym.key"},
    "keys": {
        "CLIENTS_CA_FILE": f"{TRUST}/keys_ca.pem",
        "STORE_FILE": f"{KEYS_STATE}/store.sqlite",
        "TENANT_KEYS_FILE": f"{KEYS_STATE}/tenants.json",
        "PASSPHRASE_FILE": f"{SECRETS}/passphrase",
    },
    "embedding": {"MODEL_CACHE_DIR": MODEL},
    "ingestion": {"AUDIT_KEY_FILE": f"{SECRETS}/audit.key"},
    "query": {
        "MODEL_CACHE_DIR": MODEL,
        "AUDIT_KEY_FILE": f"{SECRETS}/audit.key",
        "ACCESS_FILE": ACCESS,
        "AUTHENTICATION_FILE": AUTHENTICATION,
        "CONSOLE_CLIENT_ID": "staithe-console",
        "CONSOLE_KEY_FILE": f"{SECRETS}/console.key",
    },
    "audit": {
        "LOG_DIR": AUDIT_LOG,
        "INDEX_FILE": f"{AUDIT}/index.sqlite",
        "VKEY_FILE": f"{AUDIT}/log.vkey",
        "ORIGIN": "staithe.example.com/audit",
        "SIGNING_KEY_FILE": f"{SECRETS}/signing.key",
    },
}
"""Settings that only one service has."""


def log_of(topology: Topology, reader: str) -> str:
    """The service whose log `reader` may read, or nothing."""
    return next((name for name, each in topology.services.items() if reader in each.readers), "")


def environment(topology: Topology, name: str, site: Site) -> dict[str, str]:
    """Every setting of the service, by its full name, sorted."""
    service = topology.services[name]
    subject = _Subject(name, service, site)
    values = {setting: value(subject) for setting, (applies, value) in _SETTINGS.items() if applies(service)}
    values |= _OWN.get(name, {})
    if log := log_of(topology, name):
        values |= {
            "LOG_URL": f"https://{log}:{HTTPS_PORT}", "LOG_CA_FILE": f"{TRUST}/log_ca.pem",
            "LOG_CERTIFICATE_FILE": f"{SECRETS}/log.pem", "LOG_PRIVATE_KEY_FILE": f"{SECRETS}/log.key",
        }  # fmt: skip
    if "CONSOLE_CLIENT_ID" in values:
        values["CONSOLE_URL"] = site.console_url
    return {f"STAITHE_{name.upper()}_{setting}": values[setting] for setting in sorted(values)}


def _files_below(topology: Topology, name: str, folder: str) -> tuple[str, ...]:
    values = environment(topology, name, NOWHERE).values()
    return tuple(sorted({value.removeprefix(f"{folder}/") for value in values if value.startswith(f"{folder}/")}))


def secret_files(topology: Topology, name: str) -> tuple[str, ...]:
    """File names below SECRETS that the service reads; nobody else may read them."""
    return _files_below(topology, name, SECRETS)


def trust_files(topology: Topology, name: str) -> tuple[str, ...]:
    """File names below TRUST that the service reads; the same for all, public, but not to be changed."""
    return _files_below(topology, name, TRUST)
