"""How the stack runs its Python processes: key service, services and development issuer, each as its own principal."""

import http.client
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from staithe.kernel.files import write_atomically
from staithe.kernel.topology import KEYRING_PURPOSE, Service, Topology
from staithe.keys.client.settings import KeyServiceAddress
from staithe.stack.certificates import KEYS
from staithe.stack.identities import (
    AUDIT_KEY,
    ISSUER,
    ISSUER_KEY,
    KEYRING,
    LINEAGE_TRUST,
    PSEUDONYM_KEY,
    SIGNING_KEY,
    issuer_url,
)
from staithe.stack.issuing import DevelopmentIssuer
from staithe.stack.layout import CachePaths, StackPaths
from staithe.stack.limits import PROBE_TIMEOUT_S
from staithe.stack.milvus_server import milvus_server_address
from staithe.stack.ports import HOST, StackPorts
from staithe.stack.probes import https_ready
from staithe.stack.processes import ProcessSpec
from staithe.stack.secrets import KAFKA_PASSWORD

AUDIENCE: Final = "staithe"
LOG_ORIGIN: Final = "staithe.local/audit"
HEALTH_BODY_BYTES_MAX: Final = 256 * 1024
PASSED_ON: Final = ("STAITHE_QUERY_LLM_", "STAITHE_EMBEDDING_CONCURRENCY")
"""What its service takes over from the environment of `staithe up`; everything else the stack decides."""


class ServicePlan:
    """What is needed to describe each service's process."""

    def __init__(
        self, paths: StackPaths, ports: StackPorts, topology: Topology, *, repository: Path, cache: CachePaths,
        milvus_is_server: bool,
    ) -> None:  # fmt: skip
        self._paths, self._ports, self._topology = paths, ports, topology
        self._repository, self._cache, self._milvus_is_server = repository, cache, milvus_is_server
        self._tenants = repository / "policies" / "tenants.yaml"

    def specs(self) -> list[ProcessSpec]:
        """The key service and the six services, in the order of the map."""
        return [self._spec(name, service) for name, service in self._topology.services.items()]

    def issuer(self) -> ProcessSpec:
        """The development issuer; writes the public keys that it serves."""
        url, pki = issuer_url(self._ports), self._paths.pki_services
        keys_file = self._paths.trust / "jwks.json"
        issuer = DevelopmentIssuer.load(url, self._paths.secrets_of(ISSUER) / ISSUER_KEY)
        write_atomically(keys_file, json.dumps(issuer.public_keys()).encode(), mode=0o600)
        environment = {
            "STAITHE_ISSUER_URL": url,
            "STAITHE_ISSUER_PORT": str(self._ports.of("issuer")),
            "STAITHE_ISSUER_KEYS_FILE": str(keys_file),
            "STAITHE_ISSUER_CERTIFICATE_FILE": str(pki / "issuer.pem"),
            "STAITHE_ISSUER_PRIVATE_KEY_FILE": str(pki / "issuer.key"),
        }
        ready = https_ready(self._ports.of("issuer"), self._paths.services_authority, "/jwks.json")
        return self._python("issuer", "staithe.stack.issuer", environment, ready)

    def witness(self) -> ProcessSpec:
        """A witness of the audit log, as a stranger runs one: it has the log's address and its own certificate."""
        pki, port = self._paths.pki_log, self._ports.of("witness_health")
        options = {
            "--log": f"https://{HOST}:{self._ports.of('audit')}", "--key": self._paths.audit_log_vkey,
            "--state": self._paths.witness, "--ca": pki / "ca.pem", "--certificate": pki / "witness.pem",
            "--private-key": pki / "witness.key", "--health-port": port,
        }  # fmt: skip
        arguments = (str(part) for option in options.items() for part in option)
        spec = self._python("witness", "staithe.cli", {}, health_ready(port))
        return replace(spec, argv=(*spec.argv, "audit", "witness", *arguments))

    def _spec(self, name: str, service: Service) -> ProcessSpec:
        values = {**self._common(name), **self._special(name)}
        if service.serves.https is not None:
            values |= self._https(name)
        if service.serves.keys is not None:
            values |= self._keys()
        if service.asks_keys:
            values |= self._key_service(name)
        if service.serves.log is not None:
            values |= self._log_pages(name)
        if any(name in each.readers for each in self._topology.services.values()):
            values |= self._log_reader(name)
        if service.milvus is not None:
            values |= self._milvus(name)
        if KEYRING_PURPOSE in service.seals:
            values["keyring_file"] = self._paths.secrets_of(name) / KEYRING
        prefix = f"STAITHE_{name.upper()}_"
        environment = {prefix + key.upper(): str(value) for key, value in values.items()}
        environment |= {
            key: value for key, value in os.environ.items() if key.startswith(prefix) and key.startswith(PASSED_ON)
        }
        return self._python(name, f"staithe.{name}", environment, health_ready(self._ports.of(f"{name}_health")))

    def _python(self, name: str, module: str, environment: dict[str, str], ready: Callable[[], bool]) -> ProcessSpec:
        base = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHON_DOTENV_DISABLED": "1"}
        return ProcessSpec(
            name=name, argv=(sys.executable, "-m", module), env=base | environment, cwd=self._paths.root,
            log_path=self._paths.log_of(name), ready=ready, stop_timeout_s=12.0,
        )  # fmt: skip

    def _common(self, name: str) -> dict[str, object]:
        secrets = self._paths.secrets_of(name)
        return {
            "kafka_bootstrap": f"{HOST}:{self._ports.of('kafka_client')}",
            "kafka_password_file": secrets / KAFKA_PASSWORD,
            "ca_file": self._paths.services_authority,
            "registry_url": f"https://{HOST}:{self._ports.of('registry')}/apis/ccompat/v7",
            "schemas_dir": self._repository / "schemas",
            "topology_file": self._repository / "topology.yaml",
            "health_port": self._ports.of(f"{name}_health"),
        }

    def _special(self, name: str) -> dict[str, object]:
        secrets, audit = self._paths.secrets_of(name), self._paths.audit
        signing = {"signing_key_file": secrets / SIGNING_KEY}
        lineage = {**signing, "trust_file": self._paths.trust / LINEAGE_TRUST}
        model = {"model_cache_dir": self._cache.root}
        special: dict[str, dict[str, object]] = {
            "sanitization": {
                **lineage, "policy_file": self._repository / "policies" / "sanitization.yaml",
                "pseudonym_key_file": secrets / PSEUDONYM_KEY,
            },
            "embedding": {**lineage, **model},
            "audit": {
                **signing, "log_dir": self._paths.audit_log, "index_file": audit / "index.sqlite",
                "vkey_file": self._paths.audit_log_vkey, "origin": LOG_ORIGIN,
            },
            "query": {
                **model, "audit_key_file": secrets / AUDIT_KEY,
                "access_file": self._repository / "policies" / "access.yaml",
                "authentication_file": self._repository / "policies" / "authentication.yaml",
            },
            "ingestion": {
                **lineage, "audit_key_file": secrets / AUDIT_KEY, "objects_url": self._paths.objects.as_uri(),
                "tenants_file": self._tenants,
            },
            "keys": {},
        }  # fmt: skip
        return special.get(name, dict(lineage))

    def _https(self, name: str) -> dict[str, object]:
        pki = self._paths.pki_services
        return {
            "https_port": self._ports.of(name),
            "certificate_file": pki / f"{name}.pem",
            "private_key_file": pki / f"{name}.key",
            "issuer_url": issuer_url(self._ports),
            "audience": AUDIENCE,
        }

    def _keys(self) -> dict[str, object]:
        pki, keys = self._paths.pki_keys, self._paths.keys
        return {
            "https_port": self._ports.of(KEYS), "certificate_file": pki / f"{KEYS}.pem",
            "private_key_file": pki / f"{KEYS}.key", "clients_ca_file": pki / "ca.pem",
            "store_file": keys / "store.sqlite", "tenant_keys_file": keys / "tenants.json",
            "tenants_file": self._tenants,
        }  # fmt: skip

    def _key_service(self, name: str) -> dict[str, object]:
        address = key_service(self._paths, self._ports, name)
        return {
            "keys_url": address.url, "keys_ca_file": address.ca_file,
            "keys_certificate_file": address.certificate_file, "keys_private_key_file": address.private_key_file,
        }  # fmt: skip

    def _log_pages(self, name: str) -> dict[str, object]:
        pki = self._paths.pki_log
        return {
            "https_port": self._ports.of(name), "certificate_file": pki / f"{name}.pem",
            "private_key_file": pki / f"{name}.key", "clients_ca_file": pki / "ca.pem",
        }  # fmt: skip

    def _log_reader(self, name: str) -> dict[str, object]:
        pki = self._paths.pki_log
        return {
            "log_url": f"https://{HOST}:{self._ports.of('audit')}", "log_ca_file": pki / "ca.pem",
            "log_certificate_file": pki / f"{name}.pem", "log_private_key_file": pki / f"{name}.key",
        }  # fmt: skip

    def _milvus(self, name: str) -> dict[str, object]:
        if not self._milvus_is_server:
            return {"milvus_uri": f"http://{HOST}:{self._ports.of('milvus')}"}
        address = milvus_server_address(self._paths, self._ports, name)
        assert address.tls is not None  # noqa: S101 - the server is never reached without
        return {
            "milvus_uri": address.uri, "milvus_user": address.user, "milvus_password_file": address.password_file,
            "milvus_ca_file": address.tls.trusted, "milvus_certificate_file": address.tls.certificate,
            "milvus_private_key_file": address.tls.key, "milvus_server_name": address.tls.server_name,
        }  # fmt: skip


def key_service(paths: StackPaths, ports: StackPorts, principal: str) -> KeyServiceAddress:
    """The key service of a stack, and a principal's certificate for it."""
    pki = paths.pki_keys
    return KeyServiceAddress(
        f"https://{HOST}:{ports.of(KEYS)}", pki / "ca.pem", pki / f"{principal}.pem", pki / f"{principal}.key"
    )


def health_ready(port: int) -> Callable[[], bool]:
    """A probe that is true when `/readyz` answers 200; it never raises."""
    return lambda: health_page(port, "/readyz")[0] == 200


def health_page(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page of a service's health port; (0, "") when it does not answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(HEALTH_BODY_BYTES_MAX).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
