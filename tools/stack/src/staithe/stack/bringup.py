"""Brings a whole local stack up, in order: programs, identities, foundations, topology, services."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.stream.admin import Change
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import Registry
from staithe.kernel.topology import Topology, load_topology
from staithe.stack import aot, broker, maven, milvus_lite, milvus_server, milvus_wheel, registry
from staithe.stack.artifacts import Progress
from staithe.stack.capacity import measure, refuse_small
from staithe.stack.certificates import prepare_certificates, prepare_key_certificates, prepare_log_certificates
from staithe.stack.identities import OPERATOR, ensure_identities
from staithe.stack.layout import CachePaths, StackPaths, prepare_stack
from staithe.stack.ports import HOST, StackPorts, refuse_busy
from staithe.stack.processes import ProcessSpec
from staithe.stack.provision import Site, apply_topology, read_passwords
from staithe.stack.secrets import KAFKA_PASSWORD, ensure_kafka_passwords
from staithe.stack.services import ServicePlan
from staithe.stack.supervisor import Supervisor
from staithe.vectors.model.pins import model_digest
from staithe.vectors.model.prepare import prepare_model
from staithe.vectors.store import MilvusAddress, MilvusConnection, prepare_collection

STACK_FOLDER: Final = ".staithe"
STACK_FOLDER_SETTING: Final = "STAITHE_STACK_FOLDER"
Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StackChoice:
    """What kind of stack, and where."""

    repository: Path
    folder: Path
    ports: StackPorts
    milvus_is_server: bool = False
    witnessed: bool = False

    @classmethod
    def here(cls, *, milvus_is_server: bool = False, witnessed: bool = False) -> "StackChoice":
        """The stack of the working folder; raises ConfigurationError when that is not a checkout of Staithe."""
        repository = Path.cwd()
        if not (repository / "topology.yaml").is_file():
            raise ConfigurationError(
                "there is no topology.yaml here: change to the folder of your Staithe checkout",
                reason_code="NOT_A_CHECKOUT",
            )
        ports = StackPorts.from_environment(dict(os.environ))
        folder = repository / os.environ.get(STACK_FOLDER_SETTING, STACK_FOLDER)
        return cls(repository, folder, ports, milvus_is_server, witnessed)


class Stack:
    """One local stack, from nothing to ready services. Everything blocks; call from the main thread."""

    def __init__(self, choice: StackChoice, *, announce: Announce, progress: Progress) -> None:
        self.choice, self.ports = choice, choice.ports
        self._announce, self._progress = announce, progress
        self.topology: Topology = load_topology(choice.repository / "topology.yaml")
        self.cache = CachePaths.of_user(dict(os.environ))
        self.paths: StackPaths = prepare_stack(choice.folder)
        self.supervisor = Supervisor(self.paths.state)

    def up(self) -> None:
        """Start everything; on any failure what was started is stopped again and the error raised."""
        try:
            refuse_small(measure(self.paths.root), self.paths.root)
            refuse_busy(self.ports.named)
            self._announce("checking programs and the embedding model")
            prepare_model(self.cache.root, lambda step, done, total: self._progress(f"model: {step}", done, total))
            specs = self._foundations()
            self._announce("starting broker, schema registry, Milvus and issuer")
            self.supervisor.start(specs)
            self._announce("applying topology: topics, users, access rules, schemas")
            self.apply_topology()
            self._prepare_index()
            self._announce("starting the key service and the six services")
            self.supervisor.start(self._plan().specs())
            if self.choice.witnessed:
                self.supervisor.start([self._plan().witness()])
        except BaseException:
            self.supervisor.stop()
            raise

    def train(self) -> None:
        """Record what makes the next start faster (Java's ahead-of-time caches), unless that was done; 20 to 40 s.

        For a worker thread of a stack that is up. Failing costs nothing but the gain, so it is not reported.
        """
        for program in (
            broker.load_program(self.cache, maven.fetch, _unheard),
            registry.load_program(self.cache, maven.fetch, _unheard),
        ):
            if not aot.flags_for(program, self.cache):
                with contextlib.suppress(StaitheError):
                    (broker if program.name == broker.NAME else registry).train(self.cache, program)

    def _plan(self) -> ServicePlan:
        return ServicePlan(
            self.paths, self.ports, self.topology, repository=self.choice.repository, cache=self.cache,
            milvus_is_server=self.choice.milvus_is_server,
        )  # fmt: skip

    def _foundations(self) -> list[ProcessSpec]:
        kafka = broker.load_program(self.cache, maven.fetch, self._progress)
        apicurio = registry.load_program(self.cache, maven.fetch, self._progress)
        prepare_certificates(self.paths)
        prepare_key_certificates(self.paths, self.topology)
        prepare_log_certificates(self.paths, self.topology)
        ensure_kafka_passwords(self.paths)
        ensure_identities(self.paths, self.ports, self.topology)
        broker.prepare(self.paths, self.ports, kafka)
        registry.prepare(self.paths)
        return [
            broker.describe(self.paths, self.ports, kafka, aot.flags_for(kafka, self.cache)),
            registry.describe(self.paths, self.ports, apicurio, aot.flags_for(apicurio, self.cache)),
            self._milvus(),
            self._plan().issuer(),
        ]

    def _milvus(self) -> ProcessSpec:
        if not self.choice.milvus_is_server:
            return milvus_lite.milvus_lite_process(self.paths, self.ports)
        requirements = self.choice.repository / "requirements" / "milvus-server.txt"
        program = milvus_wheel.ensure_server(self.cache.root, requirements)
        return milvus_server.milvus_server_process(self.paths, self.ports, program)

    def operator_access(self) -> KafkaAccess:
        """The operator's access to the broker."""
        return self.access(OPERATOR)

    def access(self, principal: str) -> KafkaAccess:
        """The access of any principal of the stack."""
        bootstrap = f"{HOST}:{self.ports.of('kafka_client')}"
        password_file = self.paths.secrets_of(principal) / KAFKA_PASSWORD
        return KafkaAccess(bootstrap, principal, password_file, self.paths.services_authority)

    def registry(self) -> Registry:
        """A client of the stack's schema registry."""
        url = f"https://{HOST}:{self.ports.of('registry')}/apis/ccompat/v7"
        return Registry(url, self.paths.services_authority)

    def apply_topology(self) -> list[Change]:
        """Make broker and registry equal to topology.yaml; idempotent."""
        site = Site(self.operator_access(), self.registry(), self.choice.repository / "schemas", replication=1)
        return apply_topology(self.topology, site, read_passwords(self.topology, self.paths.secrets))

    def _prepare_index(self) -> None:
        if self.choice.milvus_is_server:
            milvus_server.provision(self.paths, self.ports, model_digest())
            return
        connection = MilvusConnection(MilvusAddress(uri=f"http://{HOST}:{self.ports.of('milvus')}"))
        try:
            prepare_collection(connection, model_digest())
        finally:
            connection.close()


def _unheard(*_: object) -> None:
    """Progress that nobody watches."""
