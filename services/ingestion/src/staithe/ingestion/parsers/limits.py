"""Every bound of parsing, with its reason. Sizes are bytes unless the name says otherwise."""

from typing import Final

MIB: Final = 1024 * 1024

# --- one document ---
# Scanned contracts and price catalogues stay below this; larger sources must split their documents.
DOCUMENT_BYTES_MAX: Final = 32 * MIB
# About 1.3 million words: no readable document is longer, and an expanding table stops here.
TEXT_CHARACTERS_MAX: Final = 8 * MIB
# A title is one line in a list of results.
TITLE_CHARACTERS_MAX: Final = 300
# The declared type is a header value from outside.
CONTENT_TYPE_CHARACTERS_MAX: Final = 200

# --- the child process ---
# Resident start is 25 MiB; a 32 MiB document needs under 250 MiB in every parser here.
MEMORY_BYTES_MAX: Final = 512 * MIB
# The kernel ends a parser after this much work. CPU time and not the clock: on a busy machine a good document would
# otherwise be refused for ever because others were running. On an idle machine every document has its verdict in 5 s.
CPU_SECONDS: Final = 3.0
# The second line, in case the timer above could not be set.
CPU_SECONDS_MAX: Final = 4
# A parser that waits instead of working is ended by the clock.
ALARM_SECONDS: Final = 12.0
# The parent's own deadline for everything: sending, parsing, receiving. Past it the child is killed.
WALL_SECONDS_MAX: Final = 15.0
# A child imports about 25 MiB of code; a start slower than this is a broken installation.
START_SECONDS_MAX: Final = 20.0
# Three pipes, the device for errors, and room for the descriptors of the process's start.
DESCRIPTORS_MAX: Final = 16
# Documents waiting for a free child longer than this are better retried from the topic.
POOL_WAIT_SECONDS_MAX: Final = 60.0
# A pool larger than this is a wrong setting: each child may use MEMORY_BYTES_MAX.
POOL_CHILDREN_MAX: Final = 64

# --- text ---
# One title, one type and a dozen counts.
RESPONSE_HEADER_BYTES_MAX: Final = 64 * 1024
# The first part of a document in which its kind must show.
SNIFF_BYTES: Final = 64 * 1024

# --- HTML ---
# Each hiding rule is one search of the tree; pages have a few dozen.
HIDING_RULES_MAX: Final = 500
# Lexbor needs about 200 bytes a node.
HTML_NODES_MAX: Final = 1_000_000
# Lexbor looks through the open elements at each tag, so time grows with the square: 20,000 take half a second.
HTML_OPEN_MAX: Final = 20_000
# A rule is tried on each element, in 0.3 µs: a second for all. Pages have some thousand elements and a few dozen rules.
STYLE_TRIALS_MAX: Final = 3_000_000
# `:has()` looks at the elements inside of each, at a fiftieth of the price.
STYLE_TRIALS_INSIDE: Final = 50
# Style sheets in real mails and pages stay below; the scanner is linear but written in Python.
STYLE_CHARACTERS_MAX: Final = 2 * MIB
# What hides is said in fewer; only embedded pictures and fonts are longer.
STYLE_DECLARATION_CHARACTERS_MAX: Final = 256
# Rules in rules (CSS Nesting) are written three or four deep.
STYLE_DEPTH_MAX: Final = 32
# Each level may repeat the selector above it, so that they multiply.
STYLE_SELECTOR_CHARACTERS_MAX: Final = 16 * 1024

# --- PDF ---
# A page of text takes 1 to 2 ms, so this many stay about within CPU_SECONDS.
PDF_PAGES_MAX: Final = 2_000
# Drawn objects looked at per page when faint text is counted; the rest is not looked at, the text still is.
PDF_PAGE_OBJECTS_MAX: Final = 5_000

# --- ZIP (DOCX) ---
# Word writes 12 to a few hundred entries (one per picture).
ZIP_ENTRIES_MAX: Final = 2_000
ZIP_DIRECTORY_BYTES_MAX: Final = ZIP_ENTRIES_MAX * 512
# Only XML parts are unpacked, one at a time and as a stream.
ZIP_TOTAL_BYTES_MAX: Final = 256 * MIB
ZIP_PART_BYTES_MAX: Final = 64 * MIB
# WordprocessingML of repeated paragraphs was seen at 60:1; deflate's own maximum is 1032:1.
ZIP_RATIO_MAX: Final = 200
# Below this an entry cannot harm, whatever its ratio.
ZIP_RATIO_FREE_BYTES: Final = MIB
XML_DEPTH_MAX: Final = 256

# --- JSON, CSV ---
JSON_DEPTH_MAX: Final = 64
# A number longer than this is no quantity; Python would also need quadratic time for it.
JSON_NUMBER_CHARACTERS_MAX: Final = 64
CSV_COLUMNS_MAX: Final = 1_000
CSV_FIELD_CHARACTERS_MAX: Final = MIB

# --- mail ---
MIME_PARTS_MAX: Final = 200
MIME_DEPTH_MAX: Final = 16
# The stdlib header parser is quadratic on some inputs; real headers that matter are short.
MAIL_HEADER_CHARACTERS_MAX: Final = 8 * 1024
MAIL_HEADER_BLOCK_BYTES_MAX: Final = 256 * 1024
# Of all parts' types and dispositions together, whose parameters take the stdlib 7 µs a character.
MAIL_PARAMETERS_BYTES_MAX: Final = 96 * 1024
# 32 MiB of Base64 have 440,000 lines; the stdlib takes about a second for this many.
MAIL_LINES_MAX: Final = 2_500_000
ATTACHMENT_NAME_CHARACTERS_MAX: Final = 200
