"""The text of Kafka's settings file: one place where every security-relevant option is written out."""

from pathlib import Path
from typing import Final

from staithe.stack import limits
from staithe.stack.ports import HOST, StackPorts

OPERATOR: Final = "operator"
"""The SCRAM principal that may administer; the only super user a client can be."""

LOGGING: Final = """\
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=CONSOLE
appender.console.type=Console
appender.console.name=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
# Refusals of the authorizer: principal, operation and resource name.
logger.authorizer.name=kafka.authorizer.logger
logger.authorizer.level=INFO
"""


def server_properties(
    ports: StackPorts, data: Path, client_keystore: Path, peer_keystore: Path, peer_trust: Path
) -> str:
    """Settings of one combined broker and controller on loopback.

    CLIENT is SASL_SSL with SCRAM-SHA-512 under the services authority. INTERNAL and CONTROLLER are mutual TLS under the
    broker authority, which signs nothing else: Kafka accepts any certificate of the trusted authority there.
    """
    settings = {
        **_listeners(ports),
        **_tls(client_keystore, peer_keystore, peer_trust),
        **_access(),
        **_single_node(data),
        **_bounds(),
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _listeners(ports: StackPorts) -> dict[str, str]:
    listeners = ",".join(
        f"{name}://{HOST}:{ports.of(port)}"
        for name, port in (
            ("CLIENT", "kafka_client"),
            ("INTERNAL", "kafka_internal"),
            ("CONTROLLER", "kafka_controller"),
        )
    )
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"{HOST}:{ports.of('kafka_controller')}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
    }


def _tls(client_keystore: Path, peer_keystore: Path, peer_trust: Path) -> dict[str, str]:
    return {
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.protocol": "TLSv1.3",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(peer_keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(peer_trust),
        "ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([a-z]+),.*$/$1/",
        "listener.name.client.ssl.client.auth": "none",
        "listener.name.client.ssl.keystore.type": "PEM",
        "listener.name.client.ssl.keystore.location": str(client_keystore),
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
        "super.users": f"User:{OPERATOR};User:broker",
        "auto.create.topics.enable": "false",
    }


def _single_node(data: Path) -> dict[str, str]:
    """One replica of everything and few internal partitions: a developer's machine has one disk to lose."""
    return {
        "log.dirs": str(data),
        "num.partitions": "1",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "num.replica.alter.log.dirs.threads": "1",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }


def _bounds() -> dict[str, str]:
    return {
        "message.max.bytes": str(limits.KAFKA_MESSAGE_BYTES_MAX),
        "replica.fetch.max.bytes": str(limits.KAFKA_MESSAGE_BYTES_MAX),
        "socket.request.max.bytes": str(limits.KAFKA_REQUEST_BYTES_MAX),
        "queued.max.request.bytes": str(limits.KAFKA_QUEUED_REQUEST_BYTES_MAX),
        "listener.name.client.max.connections": str(limits.KAFKA_CLIENT_CONNECTIONS_MAX),
        "listener.name.internal.max.connections": str(limits.KAFKA_INTERNAL_CONNECTIONS_MAX),
        "listener.name.controller.max.connections": str(limits.KAFKA_INTERNAL_CONNECTIONS_MAX),
        "transaction.max.timeout.ms": str(limits.KAFKA_TRANSACTION_TIMEOUT_MS_MAX),
        "offsets.retention.minutes": str(limits.KAFKA_OFFSETS_RETENTION_MINUTES),
    }
