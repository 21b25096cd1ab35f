"""Settings of the Compose file's three brokers: combined broker and controller, TLS 1.3 on every listener."""

from typing import Final

from staithe.kernel.topology import Topology

BROKERS: Final = (1, 2, 3)
CLIENT_PORT: Final = 9092
CONTROLLER_PORT: Final = 9093
INTERNAL_PORT: Final = 9094
IN_SYNC_MIN: Final = 2
"""Of three replicas: an acknowledged record survives the loss of one broker."""

CLUSTER_ID: Final = "c3RhaXRoZS1jb21wb3NlLg"
"""Any 16 bytes in URL-safe base64; fixed, so that the three brokers agree before they first meet."""

_MESSAGE_HEADROOM_BYTES: Final = 1 << 20
"""Headers and batch framing around the largest record."""


def broker_name(number: int) -> str:
    """The name services know a broker by."""
    return f"kafka-{number}"


def internal_name(number: int) -> str:
    """The name brokers know each other by; it resolves on their own network only."""
    return f"kafka-{number}-internal"


def bootstrap() -> str:
    """All brokers' client listeners, as clients take them."""
    return ",".join(f"{broker_name(number)}:{CLIENT_PORT}" for number in BROKERS)


def server_properties(topology: Topology, number: int) -> str:
    """The settings file of one broker.

    INTERNAL and CONTROLLER are mutual TLS under an authority that signs nothing else, because Kafka accepts any
    certificate of the trusted authority there; both bind to the brokers' own network only.
    """
    peer = internal_name(number)
    advertised = {"CLIENT": f"{broker_name(number)}:{CLIENT_PORT}", "INTERNAL": f"{peer}:{INTERNAL_PORT}"}
    bound = {
        "CLIENT": f"0.0.0.0:{CLIENT_PORT}",
        "INTERNAL": f"{peer}:{INTERNAL_PORT}",
        "CONTROLLER": f"{peer}:{CONTROLLER_PORT}",
    }
    largest = topology.limits.record_bytes_max + _MESSAGE_HEADROOM_BYTES
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "controller.quorum.voters": ",".join(f"{each}@{internal_name(each)}:{CONTROLLER_PORT}" for each in BROKERS),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": _listeners(bound),
        "advertised.listeners": _listeners(advertised),
        "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        **_tls(),
        **_access(),
        "log.dirs": "/var/lib/kafka/data",
        "message.max.bytes": str(largest),
        "replica.fetch.max.bytes": str(largest),
        **_replication(),
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _listeners(places: dict[str, str]) -> str:
    return ",".join(f"{name}://{place}" for name, place in places.items())


def _tls() -> dict[str, str]:
    return {
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.protocol": "TLSv1.3",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "/run/secrets/internal_keystore.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/run/secrets/internal_ca.pem",
        "ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([a-z]+),.*$/$1/",
        "listener.name.client.ssl.client.auth": "none",
        "listener.name.client.ssl.keystore.type": "PEM",
        "listener.name.client.ssl.keystore.location": "/run/secrets/client_keystore.pem",
    }


def _access() -> dict[str, str]:
    return {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:operator;User:broker",
        "auto.create.topics.enable": "false",
    }


def _replication() -> dict[str, str]:
    replicas, in_sync = str(len(BROKERS)), str(IN_SYNC_MIN)
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "unclean.leader.election.enable": "false",
    }
