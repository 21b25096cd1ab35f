"""Every bound of the audit log, with its reason."""

from typing import Final

ENTRY_BYTES_MAX: Final = 65_535
"""An entry bundle writes each length as a big-endian uint16 (C2SP tlog-tiles)."""

BATCH_ENTRIES_MAX: Final = 1_024
"""Entries one append may add: four bundles. It bounds what a crash leaves behind and recovery must look for."""

NOTE_BYTES_MAX: Final = 65_536
"""A checkpoint is about 250 bytes; the signed-note format asks verifiers to accept at least 16 signatures."""

NOTE_SIGNATURES_MAX: Final = 64
"""Witnesses that may have cosigned one checkpoint."""

TREE_SIZE_MAX: Final = 1 << 53
"""Largest integer that JSON and every language read exactly; 2^53 entries are out of reach."""

PROOF_BYTES_MAX: Final = NOTE_BYTES_MAX + 8_192
"""An inclusion proof has at most 53 lines of 45 bytes before its checkpoint."""

TILES_CACHED_MAX: Final = 256
"""Hash tiles a reader keeps, 8 KiB each: 2 MiB."""

BUNDLES_CACHED_MAX: Final = 2
"""Entry bundles a reader keeps for looking up single entries, 16 MiB each at worst."""

FOLDERS_KNOWN_MAX: Final = 1_024
"""Folders the writer remembers as durable before it starts to check again."""

PROBLEMS_MAX: Final = 1_000
"""Problems a verification lists in words; further ones are only counted."""

INDEX_ROWS_PER_COMMIT: Final = 8_192
"""Rows of the event index per SQLite transaction while it catches up with the log."""

ATTRIBUTES_MAX: Final = 16
"""Attributes of one audit event; the widest action of the product uses seven."""

ATTRIBUTE_BYTES_MAX: Final = 256
"""Bytes of one attribute value: a digest, a number, a code or a name, never a text."""
