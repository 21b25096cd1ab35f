"""Writes small text PDFs: PDF 1.4, A4, Helvetica, several pages, the same bytes on every machine.

Streams are not compressed on purpose: compressed bytes differ between zlib builds. Standard library only.
"""

from dataclasses import dataclass, field

from markdown_blocks import Block, plain

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 595, 842, 56
BODY_SIZE = 10.5
LEADING = 1.38
HEADING_SIZES = {"heading1": 17.0, "heading2": 13.0, "heading3": 11.5}
COLUMN_GAP = 14.0
BOLD_FACTOR = 1.08  # Helvetica-Bold is up to 8 % wider; an overestimate only wraps a little early

# Adobe's font metrics of Helvetica for codes 32 to 126, thousandths of the size.
_WIDTHS = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778,
    722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278,
    278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
]  # fmt: skip


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of text in points."""
    units = sum(_WIDTHS[ord(char) - 32] if 32 <= ord(char) <= 126 else 556 for char in text)
    return units * size / 1000 * (BOLD_FACTOR if bold else 1.0)


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Break text at spaces into lines no wider than width points."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size, bold=bold) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


@dataclass
class _Pages:
    streams: list[list[str]] = field(default_factory=lambda: [[]])
    y: float = PAGE_HEIGHT - MARGIN

    def room(self, height: float) -> None:
        if self.y - height < MARGIN:
            self.streams.append([])
            self.y = PAGE_HEIGHT - MARGIN

    def show(self, x: float, text: str, size: float, *, bold: bool = False) -> None:
        font = "F2" if bold else "F1"
        self.streams[-1].append(f"BT /{font} {size:g} Tf {x:.2f} {self.y:.2f} Td ({_escape(text)}) Tj ET")

    def advance(self, size: float) -> None:
        self.room(size * LEADING)
        self.y -= size * LEADING


def write_pdf(title: str, blocks: list[Block]) -> bytes:
    """Return a PDF of the blocks. Raises ValueError for a table wider than the page, or a character outside
    Windows-1252."""
    pages = _Pages()
    for block in blocks:
        _draw(pages, block)
    for number, stream in enumerate(pages.streams, start=1):
        footer = f"{title} - page {number} of {len(pages.streams)}"
        stream.append(f"BT /F1 8 Tf {MARGIN} 30 Td ({_escape(footer)}) Tj ET")
    return _serialise(title, ["\n".join(stream) for stream in pages.streams])


def _draw(pages: _Pages, block: Block) -> None:
    if block.kind == "table":
        _draw_table(pages, block.rows)
        return
    size = HEADING_SIZES.get(block.kind, BODY_SIZE)
    bold = block.kind in HEADING_SIZES
    indent = 16.0 if block.kind in {"bullet", "numbered"} else 0.0
    lines = wrap(plain(block.text), PAGE_WIDTH - 2 * MARGIN - indent, size, bold=bold)
    if bold:
        pages.room(size * LEADING * (len(lines) + 3))  # a heading stays with the lines it announces
        pages.y -= size * 0.5
    for index, line in enumerate(lines):
        pages.advance(size)
        if index == 0 and indent:  # before its text, so that readers extract "4. Step" in this order
            pages.show(MARGIN, f"{block.label}." if block.label else "\u2022", size)
        pages.show(MARGIN + indent, line, size, bold=bold)
    pages.y -= 2.0 if indent else size * 0.55


def _draw_table(pages: _Pages, rows: tuple[tuple[str, ...], ...]) -> None:
    columns = range(len(rows[0]))
    widths = [max(text_width(plain(row[c]), BODY_SIZE, bold=True) for row in rows) for c in columns]
    if sum(widths) + COLUMN_GAP * (len(widths) - 1) > PAGE_WIDTH - 2 * MARGIN:
        raise ValueError(f"table too wide for the page, first cell: {rows[0][0]}")
    for number, row in enumerate(rows):
        pages.advance(BODY_SIZE)
        x = float(MARGIN)
        for column, cell in enumerate(row):
            pages.show(x, plain(cell), BODY_SIZE, bold=number == 0)
            x += widths[column] + COLUMN_GAP
    pages.y -= BODY_SIZE * 0.8


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    encoded = escaped.encode("cp1252")  # WinAnsiEncoding
    return "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in encoded)


def _serialise(title: str, streams: list[str]) -> bytes:
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    kids = " ".join(f"{6 + 2 * index} 0 R" for index in range(len(streams)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>",
        font.format("Helvetica"),
        font.format("Helvetica-Bold"),
        f"<< /Title ({_escape(title)}) /Producer (Staithe samples) >>",
    ]
    for index, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] /Contents {7 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    output = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(output))
        output += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    start = len(output)
    entries = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    output += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{entries}".encode("ascii")
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>"
    output += f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(output)
