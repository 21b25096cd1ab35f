"""Writes small DOCX files (ECMA-376 WordprocessingML), the same bytes on every machine.

Parts are stored, not compressed, with fixed timestamps: compressed bytes differ between zlib builds.
Standard library only.
"""

import io
import zipfile
from xml.sax.saxutils import escape

from markdown_blocks import Block, bold_runs

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"

_CONTENT_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{_WORD_TYPE}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{_WORD_TYPE}.styles+xml"/>'
    f'<Override PartName="/word/numbering.xml" ContentType="{_WORD_TYPE}.numbering+xml"/>'
    f'<Override PartName="/docProps/core.xml" ContentType="{_CORE_TYPE}"/>'
    "</Types>"
)
_PACKAGE_RELATIONSHIPS = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
    f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
    'Target="docProps/core.xml"/></Relationships>'
)
_DOCUMENT_RELATIONSHIPS = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/numbering" Target="numbering.xml"/></Relationships>'
)
_NUMBERING = (
    f'<w:numbering xmlns:w="{_WORD}"><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0">'
    '<w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="\u2022"/><w:lvlJc w:val="left"/>'
    '<w:pPr><w:ind w:left="420" w:hanging="280"/></w:pPr></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
)
_HALF_POINTS = {"Heading1": 34, "Heading2": 26, "Heading3": 23}


def write_docx(title: str, blocks: list[Block]) -> bytes:
    """Return a DOCX of the blocks, with real headings, lists and tables."""
    body = "".join(_table(block) if block.kind == "table" else _paragraph(block) for block in blocks)
    section = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr>'
    core = (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title)}</dc:title></cp:coreProperties>'
    )
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _PACKAGE_RELATIONSHIPS,
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}{section}</w:body></w:document>',
        "word/styles.xml": _styles(),
        "word/numbering.xml": _NUMBERING,
        "word/_rels/document.xml.rels": _DOCUMENT_RELATIONSHIPS,
        "docProps/core.xml": core,
    }
    return _zip(parts)


def _styles() -> str:
    headings = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="heading {name[-1]}"/>'
        '<w:pPr><w:keepNext/><w:spacing w:before="200" w:after="80"/>'
        f'<w:outlineLvl w:val="{int(name[-1]) - 1}"/></w:pPr>'
        f'<w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
        for name, size in _HALF_POINTS.items()
    )
    normal = (
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        '<w:pPr><w:spacing w:after="120"/></w:pPr><w:rPr><w:sz w:val="21"/></w:rPr></w:style>'
    )
    return f'<w:styles xmlns:w="{_WORD}">{normal}{headings}</w:styles>'


def _runs(text: str) -> str:
    return "".join(
        f'<w:r>{"<w:rPr><w:b/></w:rPr>" if bold else ""}<w:t xml:space="preserve">{escape(part)}</w:t></w:r>'
        for part, bold in bold_runs(text)
    )


def _paragraph(block: Block) -> str:
    properties, text = "", block.text
    if block.kind.startswith("heading"):
        properties = f'<w:pPr><w:pStyle w:val="Heading{block.kind[-1]}"/></w:pPr>'
    elif block.kind == "bullet":
        properties = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    elif block.kind == "numbered":
        # Typed numbers keep "step 4" readable for every reader; automatic numbers are not in the text.
        text = f"{block.label}. {block.text}"
    return f"<w:p>{properties}{_runs(text)}</w:p>"


def _table(block: Block) -> str:
    edges = "".join(
        f'<w:{edge} w:val="single" w:sz="4" w:space="0" w:color="888888"/>'
        for edge in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    grid = '<w:gridCol w:w="2200"/>' * len(block.rows[0])
    rows = "".join(
        f"<w:tr>{''.join(f'<w:tc><w:p>{_runs(cell)}</w:p></w:tc>' for cell in row)}</w:tr>" for row in block.rows
    )
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="0" w:type="auto"/><w:tblBorders>{edges}</w:tblBorders></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl><w:p/>"
    )


def _zip(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else Windows writes another byte than Linux
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (_DECLARATION + content).encode("utf-8"))
    return buffer.getvalue()
