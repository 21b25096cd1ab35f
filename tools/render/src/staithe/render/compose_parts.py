"""The parts of the Compose file that are not ours: brokers, registry, issuer, key service, Milvus, monitoring.

Written from each product's documentation and checked against the Compose schema; no container of this file was ever
started where it was written. FINDINGS of the first real start belong in docs/decisions/.
"""

from typing import Final

from staithe.kernel.topology import Topology
from staithe.render import images
from staithe.render.containers import Container, hardened, probe, secret, volume
from staithe.render.environment import HEALTH_PORT, TRUST
from staithe.render.kafka_config import BROKERS, CLIENT_PORT, CLUSTER_ID, broker_name

STATE: Final = "./.compose"
"""Data folders on the host, made by the documented step, so that no container needs root to own a volume."""

SECRETS_FOLDER: Final = "./.secrets"
ISSUER_HOST: Final = "issuer.localhost"
"""The name by which browsers on the host and containers reach Keycloak: a token names one issuer, so it must be the
same for both. Browsers resolve *.localhost to the host itself (RFC 6761), containers find the alias."""
ISSUER_PORT: Final = 8446
CONSOLE_URL: Final = "https://localhost:8443"
"""Where browsers reach query's console; Keycloak lets them return there and nowhere else."""

_FORMAT_AND_START: Final = (
    "set -eu; "
    f"/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id {CLUSTER_ID} "
    '--config /etc/staithe/server.properties --add-scram "$$(cat /run/secrets/operator_scram)" > /dev/null; '
    "exec /opt/kafka/bin/kafka-server-start.sh /etc/staithe/server.properties"
)
"""The operator's verifier is salted, so no password is on a command line; format would print it, hence /dev/null."""


def broker(number: int) -> Container:
    """One of the brokers."""
    name = broker_name(number)
    files = ("client_keystore.pem", "internal_keystore.pem", "internal_ca.pem", "operator_scram")
    return hardened(images.KAFKA, memory="1g", processes=512) | {
        "entrypoint": ["/bin/bash", "-c"],
        "command": [_FORMAT_AND_START],
        "environment": {"KAFKA_HEAP_OPTS": "-Xms512m -Xmx512m", "LOG_DIR": "/tmp/logs"},  # noqa: S108
        "configs": [{"source": f"{name}-properties", "target": "/etc/staithe/server.properties", "mode": 0o444}],
        "secrets": [secret(name, file) for file in files],
        "volumes": [volume(f"{STATE}/{name}", "/var/lib/kafka/data")],
        "healthcheck": probe("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{CLIENT_PORT}", start_seconds=60),
        "stop_grace_period": "60s",
    }


def registry() -> Container:
    """Apicurio over TLS with its own H2 file; the management port stays on the container's loopback."""
    return hardened(images.REGISTRY, memory="768m", processes=256, scratch="128m") | {
        "environment": {
            "QUARKUS_HTTP_INSECURE_REQUESTS": "disabled",
            "QUARKUS_HTTP_SSL_PORT": "8443",
            "QUARKUS_HTTP_SSL_PROTOCOLS": "TLSv1.3",
            "QUARKUS_HTTP_SSL_CERTIFICATE_FILES": "/run/secrets/tls.pem",
            "QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES": "/run/secrets/tls.key",
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "APICURIO_DATASOURCE_URL": "jdbc:h2:file:/var/lib/registry/db;DB_CLOSE_ON_EXIT=FALSE",
            "JAVA_OPTS_APPEND": "-Xmx384m",
        },
        "secrets": [secret("registry", "tls.pem"), secret("registry", "tls.key")],
        "volumes": [volume(f"{STATE}/registry", "/var/lib/registry")],
        "healthcheck": probe("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8443", start_seconds=60),
    }


def issuer() -> Container:
    """Keycloak, built once into an image because a read-only root cannot be built at start.

    It has no administrator: `kc.sh bootstrap-admin` makes one when it is needed.
    """
    return hardened(images.own("keycloak"), memory="1g", processes=256, scratch="256m") | {
        "build": {"context": "./deploy/docker/keycloak", "args": {"KEYCLOAK_IMAGE": images.KEYCLOAK}},
        "command": ["start", "--optimized", "--import-realm"],
        "environment": {
            "KC_HOSTNAME": f"https://{ISSUER_HOST}:{ISSUER_PORT}",
            "KC_HTTP_ENABLED": "false",
            "KC_HTTPS_PORT": str(ISSUER_PORT),
            "KC_HTTPS_PROTOCOLS": "TLSv1.3",
            "KC_HTTPS_CERTIFICATE_FILE": "/run/secrets/tls.pem",
            "KC_HTTPS_CERTIFICATE_KEY_FILE": "/run/secrets/tls.key",
            "KC_TRUSTSTORE_PATHS": f"{TRUST}/ca.pem",
            "STAITHE_CONSOLE_URL": CONSOLE_URL,
        },
        "ports": [f"127.0.0.1:{ISSUER_PORT}:{ISSUER_PORT}"],
        "secrets": [secret("issuer", "tls.pem"), secret("issuer", "tls.key")],
        "volumes": [
            volume(f"{STATE}/issuer", "/opt/keycloak/data"),
            volume("./deploy/keycloak/realm.json", "/opt/keycloak/data/import/realm.json", read_only=True),
            volume(f"{SECRETS_FOLDER}/trust/ca.pem", f"{TRUST}/ca.pem", read_only=True),
        ],
        "healthcheck": probe("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{ISSUER_PORT}", start_seconds=90),
    }


def key_service() -> Container:
    """OpenBao, only with `--profile keys`: the services still read their keys from files."""
    return hardened(images.OPENBAO, memory="512m", processes=128) | {
        "profiles": ["keys"],
        "entrypoint": ["bao"],
        "command": ["server", "-config=/etc/staithe/openbao.hcl"],
        "configs": [{"source": "openbao", "target": "/etc/staithe/openbao.hcl", "mode": 0o444}],
        "secrets": [secret("openbao", "tls.pem"), secret("openbao", "tls.key")],
        "volumes": [volume(f"{STATE}/openbao", "/openbao/data")],
        "healthcheck": probe("nc", "-z", "127.0.0.1", "8200", start_seconds=20),
    }


OPENBAO_SETTINGS: Final = """\
storage "raft" {
  path    = "/openbao/data"
  node_id = "openbao"
}
listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "127.0.0.1:8201"
  tls_cert_file   = "/run/secrets/tls.pem"
  tls_key_file    = "/run/secrets/tls.key"
  tls_min_version = "tls13"
}
api_addr     = "https://openbao:8200"
cluster_addr = "https://127.0.0.1:8201"
"""


def milvus() -> Container:
    """Milvus with its embedded etcd on loopback and a local folder: no etcd or object store that others can reach.

    user.yaml is a secret because it holds the root password; it asks for mutual TLS and authorization.
    """
    return hardened(images.MILVUS, memory="4g", processes=2048, scratch="512m") | {
        "command": ["milvus", "run", "standalone"],
        "environment": {
            "ETCD_USE_EMBED": "true",
            "ETCD_DATA_DIR": "/var/lib/milvus/etcd",
            "ETCD_CONFIG_PATH": "/milvus/configs/embedEtcd.yaml",
            "COMMON_STORAGETYPE": "local",
            "DEPLOY_MODE": "STANDALONE",
        },
        "configs": [{"source": "milvus-etcd", "target": "/milvus/configs/embedEtcd.yaml", "mode": 0o444}],
        "secrets": [
            *(secret("milvus", file) for file in ("tls.pem", "tls.key", "ca.pem")),
            {"source": "milvus-user-yaml", "target": "/milvus/configs/user.yaml"},
        ],
        "volumes": [volume(f"{STATE}/milvus", "/var/lib/milvus")],
        "healthcheck": probe("curl", "-fsS", "http://127.0.0.1:9091/healthz", start_seconds=120),
        "stop_grace_period": "60s",
    }


MILVUS_ETCD_SETTINGS: Final = """\
listen-client-urls: http://127.0.0.1:2379
advertise-client-urls: http://127.0.0.1:2379
listen-peer-urls: http://127.0.0.1:2380
quota-backend-bytes: 4294967296
auto-compaction-mode: revision
auto-compaction-retention: '1000'
"""


def prometheus() -> Container:
    """Reads every service's metrics; keeps fifteen days or 2 GB, whichever is less."""
    return hardened(images.PROMETHEUS, memory="512m", processes=128) | {
        "command": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=15d",
            "--storage.tsdb.retention.size=2GB",
        ],
        "configs": [{"source": "prometheus", "target": "/etc/prometheus/prometheus.yml", "mode": 0o444}],
        "volumes": [volume(f"{STATE}/prometheus", "/prometheus")],
        "healthcheck": probe("wget", "-q", "-O", "-", "http://127.0.0.1:9090/-/ready", start_seconds=20),
    }


def prometheus_settings(topology: Topology) -> str:
    """One scrape job per service, by its name."""
    jobs = "".join(
        f"  - job_name: {name}\n    static_configs:\n      - targets: ['{name}:{HEALTH_PORT}']\n"
        for name in topology.services
    )
    return f"global:\n  scrape_interval: 15s\nscrape_configs:\n{jobs}"


def grafana() -> Container:
    """Shows Prometheus's data. No port is published: reach it through a tunnel or an override file of your own."""
    return hardened(images.GRAFANA, memory="512m", processes=128) | {
        "environment": {
            "GF_SECURITY_ADMIN_PASSWORD__FILE": "/run/secrets/admin_password",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "GF_PLUGINS_PREINSTALL_DISABLED": "true",
            "GF_USERS_ALLOW_SIGN_UP": "false",
        },
        "configs": [
            {"source": "grafana", "target": "/etc/grafana/provisioning/datasources/staithe.yaml", "mode": 0o444}
        ],
        "secrets": [secret("grafana", "admin_password")],
        "volumes": [volume(f"{STATE}/grafana", "/var/lib/grafana")],
        "healthcheck": probe("wget", "-q", "-O", "-", "http://127.0.0.1:3000/api/health", start_seconds=30),
    }


GRAFANA_SETTINGS: Final = """\
apiVersion: 1
datasources:
  - name: Prometheus
    type: prometheus
    access: proxy
    url: http://prometheus:9090
    isDefault: true
"""


def all_brokers() -> dict[str, Container]:
    """The brokers by name."""
    return {broker_name(number): broker(number) for number in BROKERS}
