"""The stack of the working folder as the command's verbs see it: addresses, keys, tokens."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from staithe.kernel.clock import SystemClock
from staithe.kernel.codec import load_event_schemas
from staithe.kernel.crypto.sealing import KeyringOpener
from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.kernel.events import DocumentCurrent, Event
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import EventCodec, Registry
from staithe.kernel.stream.tail import Tail
from staithe.kernel.topology import Topology, load_topology
from staithe.kernel.vocabulary import Tier, tenant_id
from staithe.keys.client.sealing import VersionOpener
from staithe.keys.client.service import KeyServiceClient
from staithe.stack.bringup import StackChoice
from staithe.stack.fates import FateObserver
from staithe.stack.identities import ISSUER, ISSUER_KEY, KEYRING, OPERATOR, issuer_url
from staithe.stack.issuing import DevelopmentIssuer, TokenRequest
from staithe.stack.layout import StackPaths
from staithe.stack.milvus_server import READER, milvus_server_address
from staithe.stack.ports import HOST
from staithe.stack.secrets import KAFKA_PASSWORD
from staithe.stack.services import AUDIENCE, key_service
from staithe.vectors.store import MilvusAddress

CURRENT_TOPIC = "documents.current.v1"
POLL_SECONDS = 0.5
REVIEW_SCOPES = ("review",)
"""For those who release held documents, and for nothing else."""
SCOPES = ("search", "read", "publish", "erase")


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a development token is for."""

    tenant: str
    tier: int = 1
    groups: tuple[str, ...] = ()
    subject: str = "developer"


class LocalStack:
    """A stack that is set up in `.staithe/` of the working folder; it need not be running for every call."""

    def __init__(self, choice: StackChoice | None = None) -> None:
        choice = choice or StackChoice.here()
        self.repository: Path = choice.repository
        self.paths, self.ports = StackPaths(choice.folder), choice.ports
        if not self.paths.services_authority.exists():
            raise ConfigurationError(
                "there is no stack in this folder yet: run `staithe up` first", reason_code="STACK_MISSING"
            )

    @property
    def topology(self) -> Topology:
        """The map."""
        return load_topology(self.repository / "topology.yaml")

    def url(self, service: str) -> str:
        """The base URL of `query` or `ingestion`."""
        return f"https://{HOST}:{self.ports.of(service)}"

    def token(self, who: Who, *, lifetime_seconds: int = 3600, scopes: tuple[str, ...] = SCOPES) -> str:
        """A development token."""
        issuer = DevelopmentIssuer.load(issuer_url(self.ports), self.paths.secrets_of(ISSUER) / ISSUER_KEY)
        request = TokenRequest(
            subject=who.subject, tenant_id=tenant_id(who.tenant), tier=Tier(who.tier), groups=who.groups,
            scopes=scopes, audience=AUDIENCE, lifetime_seconds=lifetime_seconds,
        )  # fmt: skip
        return issuer.issue(request, now_ms=SystemClock().now_ms())

    def access(self, principal: str) -> KafkaAccess:
        """A principal's access to the broker."""
        bootstrap = f"{HOST}:{self.ports.of('kafka_client')}"
        password_file = self.paths.secrets_of(principal) / KAFKA_PASSWORD
        return KafkaAccess(bootstrap, principal, password_file, self.paths.services_authority)

    def codec(self) -> EventCodec:
        """The events of every topic."""
        url = f"https://{HOST}:{self.ports.of('registry')}/apis/ccompat/v7"
        registry = Registry(url, self.paths.services_authority)
        return EventCodec(self.topology, load_event_schemas(self.repository / "schemas"), registry)

    def keys(self, principal: str = OPERATOR) -> KeyServiceClient:
        """The key service, as a principal of the stack."""
        return KeyServiceClient(key_service(self.paths, self.ports, principal), keep_alive=False)

    def operator_opener(self) -> VersionOpener:
        """Opens what is sealed to the operator: quarantine, dead letters, records that name no document."""
        keyring = KeyringOpener.from_file(self.paths.secrets_of(OPERATOR) / KEYRING)
        return VersionOpener(self.keys(), SystemClock(), keyring)

    def pid_of(self, name: str) -> int:
        """The process of a service of the running stack; raises Unavailable when there is none."""
        try:
            state = json.loads(self.paths.state.read_text())
            pid = state["processes"][name]["pid"]
        except (OSError, ValueError, KeyError):
            pid = None
        if not pid:
            raise Unavailable(f"{name} does not run: start the stack with `staithe up`", reason_code="STACK_DOWN")
        return int(pid)

    def events(self, topics: Sequence[str], codec: EventCodec) -> Iterator[Event]:
        """Every committed event of `topics` as of now, with the operator's rights, one at a time."""
        tail = Tail(self.access(OPERATOR), topics, from_beginning=True)
        try:
            while not tail.finished():
                for record in tail.poll(POLL_SECONDS):
                    yield codec.decode(record.topic, record.value)
        finally:
            tail.close()

    def current(self) -> Iterator[DocumentCurrent]:
        """Every event that says what is current, oldest first for each document."""
        with closing(self.codec()) as codec:
            for event in self.events([CURRENT_TOPIC], codec):
                if isinstance(event, DocumentCurrent):
                    yield event

    def index(self, milvus: str) -> MilvusAddress:
        """The index, for reading; `milvus` as `staithe up` was told."""
        if milvus == "server":
            return milvus_server_address(self.paths, self.ports, READER)
        return MilvusAddress(uri=f"http://{HOST}:{self.ports.of('milvus')}")

    def fates(self, *, from_beginning: bool = False) -> FateObserver:
        """An observer of how versions end, from now on or from the beginning."""
        return FateObserver(
            self.access(OPERATOR), self.topology, self.codec(), self.operator_opener(), from_beginning=from_beginning
        )
