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

LIST_BYTES_MAX: Final = 32_768
"""Bytes of an attribute that lists digests: 512 of them. Half an entry, so that the rest always fits."""

EVIDENCE_BYTES_MAX: Final = 16 * 1024 * 1024
"""A bundle: at most 16 citations, each with its entries, of which those that list chunks are up to 33 KiB."""

EVIDENCE_ENTRIES_MAX: Final = 256
"""Entries in one bundle: of 16 versions, each with three steps and up to 13 lists of chunks."""

CANDIDATE_ENTRIES_MAX: Final = 512
"""Entries about one version that are looked at; more than a handful means that its source sent it again and again."""

PARALLEL_ENTRIES_MIN: Final = 65_536
"""Below this a verification takes about a second; starting processes would take longer."""

BUNDLES_PER_TASK: Final = 32
"""8,192 entries, about a tenth of a second: enough to outweigh handing the task over, few enough for a smooth bar."""

TASKS_AHEAD_PER_PROCESS: Final = 3
"""Tasks handed out before their turn: bounds what waits in memory, about 300 KB each."""

READS_WAITING_MAX: Final = 32
"""Requests of the read interface that wait for its one thread; each takes milliseconds."""

REPORT_ROWS_MAX: Final = 50_000
"""Rows of one report: what a browser still shows and prints, some 100 MB in memory. A time range narrows it down."""

KEPT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Entries that stay beside a pruned log, some 100,000: read whole, by readers and verifiers alike."""
