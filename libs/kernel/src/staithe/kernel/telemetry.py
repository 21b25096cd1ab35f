"""Logs, metrics and traces, with one rule for all: no content.

Logs are JSON lines whose fields are on an allow-list; a field that is not is dropped and counted, so that a
careless line cannot leak a document. Trace context is W3C Trace Context in record headers.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog
from opentelemetry import context, propagate, trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

LOG_FIELDS: Final = frozenset(
    {
        "event", "level", "timestamp", "service", "replica", "reason_code", "error_class", "message", "topic",
        "partition", "offset", "records", "seconds", "attempt", "tenant_id", "event_id", "trace_id", "action",
        "outcome", "status", "method", "route", "request_id", "address", "path", "pid", "tree_size", "isolation",
        "count", "setting", "state",
    }
)  # fmt: skip
"""Names a log line may carry. document_id is not among them: sources put names of people into it."""

LOG_VALUE_CHARACTERS_MAX: Final = 512

Headers = Sequence[tuple[str, bytes]]


class Metrics:
    """Every metric of a service, with its meaning beside its name; one registry, nothing global."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._service = service
        self.records = self.counter("records_total", "Records settled, by input topic and fate.", ("topic", "fate"))
        self.batch_seconds = self.histogram("batch_seconds", "From a batch's first record to its commit.")
        self.transit_seconds = self.histogram(
            "transit_seconds", "From a record's arrival to the commit of its outcome."
        )
        self.freshness_seconds = self.histogram(
            "freshness_seconds", "From a document's publication to this stage's commit; at indexing: until searchable."
        )
        self.retries = self.counter("retries_total", "Retries in place, by reason.", ("reason_code",))
        self.dead_letters = self.counter("dead_letters_total", "Records dead-lettered, by reason.", ("reason_code",))
        self.dead_letter_flood = self.gauge("dead_letter_flood", "1 while a flood of dead letters has stopped it.")
        self.lag_records = self.gauge("lag_records", "Records between the committed offset and the end.", ("topic",))
        self.dropped_log_fields = self.counter("dropped_log_fields_total", "Log fields that were not allowed.")

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """A counter `staithe_<service>_<name>`."""
        return Counter(f"staithe_{self._service}_{name}", meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        """A gauge `staithe_<service>_<name>`."""
        return Gauge(f"staithe_{self._service}_{name}", meaning, labels, registry=self.registry)

    def histogram(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Histogram:
        """A histogram `staithe_<service>_<name>`, buckets from 1 ms to 60 s."""
        buckets = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)
        return Histogram(f"staithe_{self._service}_{name}", meaning, labels, registry=self.registry, buckets=buckets)

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self.registry)


def metric_sums(exposition: str) -> dict[str, float]:
    """Each metric of a `/metrics` page by name, summed over its labels."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


Logger = structlog.stdlib.BoundLogger


class _PlaceOnly(logging.Formatter):
    """Where a library complained and with which class of error; messages and tracebacks quote content."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        return json.dumps(
            {"event": "library", "level": record.levelname.lower(), "path": record.name, "error_class": kind}
        )


def configure_logging(service: str, *, replica: int, level: str, metrics: Metrics) -> Logger:
    """Send structured logs to standard error and return this service's logger."""

    def allow_listed(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name in [each for each in fields if each not in LOG_FIELDS]:
            del fields[name]
            metrics.dropped_log_fields.inc()
        for name, value in fields.items():
            if not isinstance(value, bool | int | float | None):
                fields[name] = str(value)[:LOG_VALUE_CHARACTERS_MAX]
        return fields

    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            allow_listed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlaceOnly())
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
    logger: Logger = structlog.get_logger(service=service, replica=replica)
    return logger


class Tracer:
    """Carries W3C trace context from record to record; spans go to whatever provider the process has set."""

    def __init__(self, service: str) -> None:
        self._tracer = trace.get_tracer(f"staithe.{service}")

    @contextmanager
    def span(self, name: str, headers: Headers) -> Iterator[None]:
        """A span that continues the trace in `headers`, if they carry one."""
        carrier = {key: value.decode("ascii", "ignore") for key, value in headers if key in TRACE_HEADERS}
        token = context.attach(propagate.extract(carrier))
        try:
            with self._tracer.start_as_current_span(name, record_exception=False):
                yield
        finally:
            context.detach(token)


TRACE_HEADERS: Final = frozenset({"traceparent", "tracestate"})
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, version 00 to fe: anything else in that header could be content."""


def traceparent_of(headers: Headers) -> str:
    """The traceparent in `headers`, or the empty string when there is none of the right form."""
    for name, value in headers:
        if name == "traceparent" and _TRACEPARENT.fullmatch(value):
            return value.decode()
    return ""
