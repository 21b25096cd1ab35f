"""Every bound that more than one room depends on, with its reason."""

from typing import Final

DOCUMENT_BYTES_MAX: Final = 512 * 1024
"""A document inside an event. Larger ones go to the object store and the event claims them: a bus is no file store."""

CLAIM_BYTES_MAX: Final = 32 * 1024 * 1024
"""A document in the object store: scanned contracts and catalogues stay below, and a parser of 512 MiB can hold it."""

RECORD_BYTES_MAX: Final = 8 * 1024 * 1024
"""The same as topology.yaml's `record_bytes_max`: what a topic takes, so what a stage may put out."""

DEAD_LETTER_OVERHEAD_BYTES: Final = 64 * 1024
"""A dead letter holds the whole record and says where it was; its topic takes this much more than the others."""

TEXT_CHARACTERS_MAX: Final = 512 * 1024
"""Parsed text of one document: about 700 chunks, which still fit one chunks.embedded.v1 event."""

NAME_CHARACTERS_MAX: Final = 512
"""File names and titles; longer ones are cut, they are for people to read."""

SOURCE_CHARACTERS_MAX: Final = 128

HTTP_BODY_BYTES_MAX: Final = 1024 * 1024
"""An upload of DOCUMENT_BYTES_MAX with its form fields, or any JSON request."""

HTTP_HEADER_BYTES_MAX: Final = 16 * 1024
"""A bearer token is at most 8 KiB; the rest is ordinary headers."""

TOKEN_BYTES_MAX: Final = 8 * 1024
"""Refused before any parsing: a megabyte of token costs more to check than to send."""

BATCH_RECORDS_MAX: Final = 64
"""Records in one transaction: enough to hide the commit's cost, small enough to redo after a crash."""

BATCH_WAIT_SECONDS: Final = 0.1
"""How long to wait for a first record; bounds how late an idle stream notices that it must stop."""

RETRY_SECONDS_MAX: Final = 10.0
"""The longest pause between tries against an unavailable dependency."""

LINEAGE_STEPS_MAX: Final = 8
"""Four stages sign today; a longer lineage is an attack or a loop."""
