"""Logs without content, metrics with meaning, trace context of the right form only."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from kernel_samples import NOW_MS, TRACEPARENT, FakeClock
from opentelemetry import trace

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.telemetry import (
    LOG_FIELDS,
    LOG_VALUE_CHARACTERS_MAX,
    Metrics,
    Tracer,
    configure_logging,
    metric_sums,
    traceparent_of,
)


@pytest.fixture(autouse=True)
def _clean_structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str], level: str = "INFO", **given: Any) -> tuple[dict[str, Any], float]:
    metrics = Metrics("test")
    configure_logging("test", replica=3, level=level, metrics=metrics).info("something", **given)
    lines = capsys.readouterr().err.splitlines()
    dropped = metrics.registry.get_sample_value("staithe_test_dropped_log_fields_total") or 0.0
    return json.loads(lines[-1]) if lines else {}, dropped


def test_line_is_json_with_service_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    line, dropped = logged(capsys, topic="t", partition=0, seconds=1.5, state=None)
    assert (line["event"], line["service"], line["replica"], line["level"]) == ("something", "test", 3, "info")
    assert (line["topic"], line["partition"], line["seconds"], line["state"]) == ("t", 0, 1.5, None)
    assert line["timestamp"].endswith("Z")
    assert dropped == 0


@pytest.mark.parametrize(
    "name", ["document_id", "text", "name", "title", "subject", "token", "exc_info", "stack_info", "query"]
)
def test_field_off_the_list_is_dropped_and_counted(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert name not in LOG_FIELDS
    line, dropped = logged(capsys, **{name: "secret"})
    assert "secret" not in json.dumps(line)
    assert dropped == 1


@pytest.mark.parametrize(
    "value", ["x" * 10_000, ["x" * 10_000], {"x": "y" * 10_000}, b"x" * 10_000, ValueError("x" * 10_000)]
)
def test_long_value_is_cut_whatever_its_type(capsys: pytest.CaptureFixture[str], value: Any) -> None:
    line, _ = logged(capsys, message=value)
    assert len(line["message"]) == LOG_VALUE_CHARACTERS_MAX


def test_quieter_level_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, level="ERROR") == ({}, 0.0)


def test_metrics_carry_the_service_and_a_meaning() -> None:
    metrics = Metrics("test")
    metrics.records.labels(topic="t", fate="moved").inc()
    metrics.batch_seconds.observe(0.2)
    metrics.lag_records.labels(topic="t").set(4)
    text = metrics.exposition().decode()
    assert 'staithe_test_records_total{fate="moved",topic="t"} 1.0' in text
    for line in text.splitlines():
        if line.startswith("# HELP"):
            _, _, name, meaning = line.split(" ", 3)
            assert name.startswith("staithe_test_")
            assert len(meaning) > 10


def test_sums_add_the_labels_of_a_metric() -> None:
    metrics = Metrics("test")
    for fate in ("moved", "dead_lettered"):
        metrics.records.labels(topic="t", fate=fate).inc(2)
    assert metric_sums(metrics.exposition().decode())["staithe_test_records_total"] == 4


def test_line_of_a_library_tells_the_place_and_never_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        configure_logging("test", replica=0, level="INFO", metrics=Metrics("test"))
        logging.getLogger("library.part").error("secret %s", "content")
        try:
            raise ValueError("secret")
        except ValueError:
            logging.getLogger("library.part").exception("secret")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first == {"event": "library", "level": "error", "path": "library.part", "error_class": ""}
    assert second["error_class"] == "ValueError"


def test_two_services_share_no_registry() -> None:
    assert Metrics("test").registry is not Metrics("test").registry


def test_traceparent_of_the_right_form_is_taken() -> None:
    assert traceparent_of([("other", b"x"), ("traceparent", TRACEPARENT.encode())]) == TRACEPARENT


@pytest.mark.parametrize(
    "value",
    [
        b"", b"x", b"Alice Smith, born 1970, lives at 1 High Street, Anytown", TRACEPARENT.upper().encode(),
        TRACEPARENT.encode() + b"\n", TRACEPARENT.encode() + b"0", TRACEPARENT.replace("-", "_").encode(),
        b"\xff" * 55, "\u0660".encode() * 55,
    ],
)  # fmt: skip
def test_anything_else_in_that_header_could_be_content_and_is_not_taken(value: bytes) -> None:
    assert traceparent_of([("traceparent", value)]) == ""
    assert traceparent_of([("Traceparent", TRACEPARENT.encode())]) == ""


@pytest.mark.parametrize(
    "headers", [(), [("traceparent", TRACEPARENT.encode())], [("traceparent", b"\xff"), ("x", b"y")]]
)
def test_span_continues_the_trace_it_is_given_and_survives_garbage(headers: Any) -> None:
    with Tracer("test").span("work", headers):
        seen = format(trace.get_current_span().get_span_context().trace_id, "032x")
    assert (seen == TRACEPARENT[3:35]) is (len(headers) == 1)


def test_audit_event_names_a_document_by_digest_only() -> None:
    author = AuditAuthor("ingestion", FakeClock())
    from kernel_samples import EXAMPLES  # noqa: PLC0415

    about = EXAMPLES["documents/indexed.v1"]
    made = author.about_document("document.indexed", about)  # type: ignore[arg-type]
    assert made.subject_sha256 == document_subject(about.tenant_id, about.document_id)  # type: ignore[union-attr, arg-type]
    assert (made.occurred_at, made.outcome, made.attributes) == (NOW_MS, Outcome.SUCCESS, {})
    assert "leave-policy" not in repr(made)


def test_audit_event_about_a_record_is_a_failure() -> None:
    made = AuditAuthor("ingestion", FakeClock()).about_record("record.x", reason_code="X_Y", attributes={"topic": "t"})
    assert isinstance(made, AuditEvent)
    assert (made.outcome, made.reason_code, made.tenant_id, made.subject_sha256) == (Outcome.FAILURE, "X_Y", "", None)
