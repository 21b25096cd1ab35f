"""Reports as one HTML file: nothing is loaded from anywhere, no script runs, it prints. Pure.

Everything from outside goes through `html.escape`; a policy in the page (CSP) forbids requests in case anything slips.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from staithe.audit.notes import Checkpoint
from staithe.audit.policy import LISTS
from staithe.audit.report_csv import Names, moment
from staithe.audit.reports import Asked, Dossier, Timeline
from staithe.audit.sightings import Sighting
from staithe.kernel.events import AuditEvent, Outcome

MEANINGS: Final = {
    "document.ingested": "taken in",
    "document.sanitized": "personal data looked for and treated",
    "document.quarantined": "held for review",
    "document.released": "released after review",
    "document.rejected": "rejected after review",
    "document.embedded": "cut into passages",
    "chunks.listed": "further passages listed",
    "document.indexed": "made searchable",
    "document.superseded": "replaced by a newer version",
    "document.read": "read whole by a caller",
    "document.inspected": "labels seen by a caller",
    "document.retention_over": "its retention time ended",
    "document.erasure_requested": "erasure asked for",
    "document.erasure_inspected": "receipt of the erasure read",
    "document.erased": "erased from the index",
    "keys.shredded": "its keys destroyed: no sealed copy opens any more",
    "chunk.refused": "a passage did not open as what it claims to be",
}
"""What an action is to somebody who does not know the system; another action is shown by its name alone."""
_ERASURE: Final = ("document.erasure_requested", "document.retention_over", "document.erased", "keys.shredded")

_STYLE: Final = """
:root{color-scheme:light}
body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;color:#1a2330;background:#fff;margin:2rem auto;
max-width:76rem;padding:0 1.25rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #cfd8e3;
padding-bottom:.25rem}p{margin:.35rem 0;max-width:60rem}.muted{color:#556274}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.75rem 0}dt{color:#556274}dd{margin:0;
overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:12.5px}th{text-align:left;background:#eef2f7;font-weight:600}
th,td{padding:.3rem .5rem;border-bottom:1px solid #dde4ec;vertical-align:top}td.n{text-align:right;
font-variant-numeric:tabular-nums}td.t{white-space:nowrap;font-variant-numeric:tabular-nums}
code{font:11.5px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.few table{width:auto}
.bad{color:#a11b1b;font-weight:600}.note{background:#fff7e0;border-left:4px solid #d49a00;padding:.5rem .75rem}
details{margin:.4rem 0}summary{cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:11px/1.4 ui-monospace,
"DejaVu Sans Mono",monospace;background:#f6f8fb;padding:.6rem;border:1px solid #dde4ec}
@media print{body{margin:0;max-width:none;font-size:10pt}table{font-size:8pt}code,pre{font-size:7pt}
tr{break-inside:avoid}
thead{display:table-header-group}h2{break-after:avoid}a{color:inherit}}
@page{margin:14mm}
"""


def timeline_html(found: Timeline, asked: Asked, names: Names, *, made_at: int) -> str:
    """Who saw which document when, as a page."""
    callers = Counter(each.caller_hmac for each in found.rows)
    documents = Counter(each.subject_sha256 for each in found.rows)
    facts = [
        ("Tenant", escape(asked.tenant_id)),
        ("Period", escape(_period(asked.period.since_ms, asked.period.until_ms))),
        ("Documents asked about", _named([names.document(each) or each.hex() for each in sorted(asked.subjects)])),
        ("People asked about", _named([names.caller(each) or each for each in sorted(asked.callers)])),
        ("Found", f"{len(found.rows)} sightings of {len(documents)} documents by {len(callers)} callers"),
    ]
    warning = ""
    if found.unnamed_searches:
        warning = (
            f'<p class="note"><strong>Not complete:</strong> {found.unnamed_searches} searches in this period showed '
            "results that their log entries do not name (written by an older release).</p>"
        )
    by_caller = [(_caller(each, names), count) for each, count in callers.most_common()]
    by_document = [(_document(each, names), count) for each, count in documents.most_common()]
    body = (
        f"{_facts(facts)}{warning}"
        "<p>A caller is shown as the keyed digest that the log holds; a name stands only where it was asked about. "
        "This says what the system told to whom. It cannot say what a person did with it afterwards.</p>"
        f"<h2>Timeline</h2>{_sightings(found.rows, names)}"
        f"<h2>By caller</h2>{_counts(('caller', 'sightings'), by_caller)}"
        f"<h2>By document</h2>{_counts(('document', 'sightings'), by_document)}"
    )
    return _page("Who saw which document when", body, found.checkpoint, made_at)


def dossier_html(found: Dossier, names: Names, *, made_at: int) -> str:
    """All that the log has about one document, with proofs, as a page."""
    erasure = [(leaf, event) for leaf, event in found.entries if event.action in _ERASURE]
    versions = sorted({event.document_version for _, event in found.entries if event.document_version})
    facts = [
        ("Document", _document(found.subject_sha256, names)),
        ("Versions", ", ".join(map(str, versions)) or "none"),
        ("Entries", f"{len(found.entries)}, and {len(found.seen)} sightings"),
        ("Erasure", escape(erasure_state(found))),
    ]
    body = (
        f"{_facts(facts)}"
        f"<h2>Erasure</h2>{_entries(erasure) if erasure else '<p>The log has no erasure of this document.</p>'}"
        f"<h2>What was done to it</h2>{_entries(found.entries)}"
        f"<h2>Who saw it</h2>{_sightings(found.seen, names)}"
        "<h2>Proofs</h2><p>Each entry with its inclusion proof (RFC 6962) to the signed checkpoint below. "
        "<code>staithe audit export --format proofs</code> writes the same to a file, and <code>staithe audit verify "
        "FILE --key log.vkey</code> checks it without a connection. The proofs show that these entries are in the log, "
        "not that there are no others: only the log shows that.</p>"
        f"<details><summary>{len(found.proven)} entries, JSON</summary>"
        f"<pre>{escape(found.encode().decode())}</pre></details>"
        f"<details open><summary>Checkpoint</summary><pre>{escape(found.note.decode())}</pre></details>"
    )
    return _page("What was done to a document", body, found.checkpoint, made_at)


def erasure_state(found: Dossier) -> str:
    """Whether the document is erased, as far as the log tells: rows and keys, up to which version."""
    events = [event for _, event in found.entries if event.outcome is Outcome.SUCCESS]
    rows_to, keys_to = (
        max((each.document_version for each in events if each.action == action), default=0)
        for action in ("document.erased", "keys.shredded")
    )
    newest = max((each.document_version for each in events), default=0)
    if not rows_to and not keys_to:
        return "not erased"
    if not (rows_to and keys_to):
        return f"begun, not finished: {'rows' if rows_to else 'keys'} only"
    done = min(rows_to, keys_to)
    return f"erased up to version {done}" + ("" if newest <= done else f"; version {newest} came after it")


def _page(title: str, body: str, head: Checkpoint, made_at: int) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="muted">Staithe audit log {escape(head.origin)} at {head.size} entries, '
        f"root <code>{head.root.hex()}</code>. Made {moment(made_at)}; all times are UTC.</p>{body}</body></html>\n"
    )


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>"


def _sightings(rows: Sequence[Sighting], names: Names) -> str:
    if not rows:
        return "<p>Nobody, as far as the log tells.</p>"
    lines = "".join(
        f'<tr><td class="t">{moment(each.occurred_at)}</td><td>{_caller(each.caller_hmac, names)}</td>'
        f'<td class="n">{escape(each.tier)}</td><td>{escape(each.how)}</td>'
        f'<td>{_document(each.subject_sha256, names)}</td><td class="n">{each.document_version}</td>'
        f'<td>{escape(each.interface)}</td><td class="n">{each.leaf_index}</td></tr>'
        for each in rows
    )
    return _table(("time", "caller", "tier", "how", "document", "version", "interface", "leaf"), lines)


def _entries(rows: Sequence[tuple[int, AuditEvent]]) -> str:
    lines = "".join(
        f'<tr><td class="t">{moment(event.occurred_at)}</td><td>{escape(MEANINGS.get(event.action, ""))} '
        f"<code>{escape(event.action)}</code></td><td>{_outcome(event)}</td>"
        f'<td class="n">{event.document_version or ""}</td><td>{escape(event.service)}</td>'
        f'<td>{_attributes(event)}</td><td class="n">{leaf}</td></tr>'
        for leaf, event in rows
    )
    return _table(("time", "what", "outcome", "version", "by", "particulars", "leaf"), lines)


def _outcome(event: AuditEvent) -> str:
    reason = f" <code>{escape(event.reason_code)}</code>" if event.reason_code else ""
    word = escape(event.outcome.value.lower())
    return f'<span class="bad">{word}</span>{reason}' if event.outcome is not Outcome.SUCCESS else f"{word}{reason}"


def _attributes(event: AuditEvent) -> str:
    shown = [f"{name}={value}" for name, value in sorted(event.attributes.items()) if name not in LISTS]
    return f"<code>{escape(', '.join(shown))}</code>"


def _counts(heads: tuple[str, str], rows: Iterable[tuple[str, int]]) -> str:
    return (
        '<div class="few">'
        + _table(heads, "".join(f'<tr><td>{name}</td><td class="n">{count}</td></tr>' for name, count in rows))
        + "</div>"
    )


def _table(heads: Sequence[str], lines: str) -> str:
    row = "".join(f"<th>{escape(each)}</th>" for each in heads)
    return f"<table><thead><tr>{row}</tr></thead><tbody>{lines}</tbody></table>"


def _caller(caller_hmac: str, names: Names) -> str:
    name = names.caller(caller_hmac)
    digest = f"<code>{escape(caller_hmac[:16])}…</code>" if caller_hmac else '<span class="muted">not named</span>'
    return f"{escape(name)} {digest}" if name else digest


def _document(subject_sha256: bytes, names: Names) -> str:
    name = names.document(subject_sha256)
    digest = f"<code>{subject_sha256.hex()[:16]}…</code>"
    return f"{escape(name)} {digest}" if name else digest


def _named(values: Sequence[str]) -> str:
    return escape(", ".join(values)) if values else "all"


def _period(since_ms: int, until_ms: int) -> str:
    since = moment(since_ms) if since_ms else "the beginning"
    until = moment(until_ms) if until_ms < 1 << 53 else "the end of the log"
    return f"from {since} to {until}"
