# ruff: noqa: E501 (a table: one case reads best on one line)
"""Hostile Word documents: macros in disguise, references to outside, text that no reader sees, XML against the parser."""

from typing import Final

from document_samples import CONTENT_TYPES, WORD_NAMESPACE, docx_bytes, paragraph, word_part, zip_bytes
from hostile_cases import DOCX, MIB, PARSED, SMUGGLED, STOPPED, Hostile, case
from hostile_writers import main_part

_SEEN: Final = paragraph("Delivery takes ten days.")
_DTD: Final = "XML_DTD_FORBIDDEN"
_RELATION: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def _typed(extra: bytes, main: bytes = b"document.main+xml") -> bytes:
    """A document whose list of types has another main type or a further line."""
    types = CONTENT_TYPES.replace(b"document.main+xml", main).replace(b"</Types>", extra + b"</Types>")
    return zip_bytes({"[Content_Types].xml": types, "word/document.xml": word_part(_SEEN), "word/a.bin": b"x"})


def _related(kind: str, target: str) -> bytes:
    relations = f'<R><Relationship Id="r1" Type="{_RELATION}{kind}" TargetMode="External" Target="{target}"/></R>'
    return docx_bytes(more={"word/_rels/document.xml.rels": relations.encode()})


def _part(name: str, content: bytes | str) -> bytes:
    return docx_bytes(more={name: content.encode() if isinstance(content, str) else content})


def _body(markup: str) -> bytes:
    """A paragraph that is seen, and this beside it."""
    return docx_bytes(_SEEN + markup)


def _hidden_by(properties: str) -> bytes:
    return _body(paragraph(SMUGGLED, properties))


def _styled(styles: str, style: str = "H") -> bytes:
    return docx_bytes(_SEEN + paragraph(SMUGGLED, style=style), {"word/styles.xml": word_part(styles, "styles")})


def _style(name: str, inner: str) -> str:
    return f'<w:style w:type="paragraph" w:styleId="{name}">{inner}</w:style>'


def _chain(length: int) -> bytes:
    """Each style is based on the next; only the last one hides."""
    links = "".join(_style(f"H{n}", f'<w:basedOn w:val="H{n + 1}"/>') for n in range(length))
    return _styled(links + _style(f"H{length}", "<w:rPr><w:vanish/></w:rPr>"), "H0")


def _raw(prologue: str, encoding: str, body: str = _SEEN) -> bytes:
    """A main part in this encoding, whatever its prologue says."""
    root = f'<w:document xmlns:w="{WORD_NAMESPACE}"><w:body>{body}</w:body></w:document>'
    return main_part((prologue + root).encode(encoding))


def _declared(encoding: str) -> str:
    return f"<?xml version='1.0' encoding='{encoding}'?>"


def _entity(subset: str, use: str = "&x;") -> bytes:
    return _raw(f"<!DOCTYPE d [{subset}]>", "utf-8", paragraph(use))


_MACROS: Final = (
    case("macro-enabled main type", DOCX, lambda: _typed(b"", b"document.macroEnabled.main+xml"), "DOCX_MACROS", "DOCX_INVALID"),
    case("macro-enabled template", DOCX, lambda: _typed(b'<Override ContentType="application/vnd.ms-word.template.MacroEnabledTemplate.main+xml"/>'), "DOCX_MACROS"),
    case("macros under another name", DOCX, lambda: _typed(b'<Override PartName="/word/a.bin" ContentType="application/vnd.ms-office.vbaProject"/>'), "DOCX_MACROS"),
    case("macros by file ending", DOCX, lambda: _typed(b'<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>'), "DOCX_MACROS"),
    case("signature of macros", DOCX, lambda: _typed(b'<Override PartName="/word/a.bin" ContentType="application/vnd.ms-office.vbaProjectSignature"/>'), "DOCX_MACROS"),
    case("data of macros", DOCX, lambda: _part("word/vbaData.xml", "<x/>"), "DOCX_MACROS"),
    case("macros in a folder elsewhere", DOCX, lambda: _part("xl/macros/vbaProject.bin", b"x"), "DOCX_MACROS"),
    case("ActiveX control", DOCX, lambda: _part("word/activeX/activeX1.bin", b"\xd0\xcf\x11\xe0" + SMUGGLED.encode()), PARSED),
    case("OLE package with a program", DOCX, lambda: _part("word/embeddings/oleObject1.bin", b"MZ" + SMUGGLED.encode()), PARSED),
    case("web page as alternative chunk", DOCX, lambda: _part("word/afchunk1.htm", f"<script>{SMUGGLED}</script>"), PARSED),
    case("buttons and key maps", DOCX, lambda: _part("word/customizations.xml", "<!DOCTYPE d><tcg/>"), PARSED),
    case("presentation type only", DOCX, lambda: _typed(b"", b"presentation"), "DOCX_INVALID"),
    case("no list of types", DOCX, lambda: zip_bytes({"word/document.xml": word_part(_SEEN)}), "DOCX_INVALID"),
    case("list of types that is no XML", DOCX, lambda: zip_bytes({"[Content_Types].xml": b"<", "word/document.xml": word_part(_SEEN)}), "XML_INVALID"),
)  # fmt: skip
_OUTSIDE: Final = (
    *(case(f"outside {kind}", DOCX, lambda kind=kind, target=target: _related(kind, target), PARSED)
      for kind, target in (
          ("image", "\\\\127.0.0.1\\share\\a.png"), ("oleObject", "mhtml:http://127.0.0.1:9/a!x-usc:http://127.0.0.1:9/"),
          ("subDocument", "file:///etc/passwd"), ("frame", "http://127.0.0.1:9/"), ("hyperlink", "javascript:alert(1)"),
          ("mailMergeSource", "odbc:DSN=x"), ("aFChunk", "http://127.0.0.1:9/a.mht"), ("font", "ftp://127.0.0.1/x"))),
    *(case(f"field {name}", DOCX, lambda field=field: _body(f'<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>{field} {SMUGGLED}</w:instrText></w:r></w:p>'), PARSED)
      for name, field in (("DDEAUTO", "DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe"), ("INCLUDETEXT", 'INCLUDETEXT "/etc/passwd"'),
                          ("INCLUDEPICTURE", 'INCLUDEPICTURE "http://127.0.0.1:9/a"'), ("MACROBUTTON", "MACROBUTTON AutoOpen"))),
    case("simple field", DOCX, lambda: _body(f'<w:p><w:fldSimple w:instr="DDE cmd {SMUGGLED}"/></w:p>'), PARSED),
    case("XInclude", DOCX, lambda: _body('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'), PARSED),
    case("style sheet instruction", DOCX, lambda: _raw('<?xml-stylesheet href="http://127.0.0.1:9/"?>', "utf-8"), PARSED),
    case("schema location", DOCX, lambda: _body('<x xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="a http://127.0.0.1:9/"/>'), PARSED),
    case("main part moved by a relation", DOCX, lambda: docx_bytes(more={"word/other.xml": word_part(paragraph(SMUGGLED)), "_rels/.rels": f'<R><Relationship Type="{_RELATION}officeDocument" Target="word/other.xml"/></R>'.encode()}), "DOCX_INVALID"),
    case("styles moved by a relation", DOCX, lambda: docx_bytes(paragraph(SMUGGLED, style="H"), {"word/b.xml": word_part(_style("H", "<w:rPr><w:vanish/></w:rPr>"), "styles"), "word/_rels/document.xml.rels": f'<R><Relationship Type="{_RELATION}styles" Target="b.xml"/></R>'.encode()}), "DOCX_INVALID"),
    case("styles from an address", DOCX, lambda: _related("styles", "http://127.0.0.1:9/styles.xml"), "DOCX_INVALID"),
    case("relation out of the package and back", DOCX, lambda: docx_bytes(more={"_rels/.rels": f'<R><Relationship Type="{_RELATION}officeDocument" Target="../../word/./document.xml"/></R>'.encode()}), PARSED),
)  # fmt: skip
_UNSEEN: Final = (
    case("run that vanishes", DOCX, lambda: _hidden_by("<w:vanish/>"), PARSED),
    case("run that vanishes always", DOCX, lambda: _hidden_by("<w:specVanish/>"), PARSED),
    case("style that vanishes", DOCX, lambda: _styled(_style("H", "<w:rPr><w:vanish/></w:rPr>")), PARSED),
    case("style that vanishes, other case", DOCX, lambda: docx_bytes(_SEEN + paragraph(SMUGGLED, style="H"), {"word/STYLES.xml": word_part(_style("H", "<w:rPr><w:vanish/></w:rPr>"), "styles")}), PARSED),
    case("styles based on each other", DOCX, lambda: docx_bytes(_SEEN, {"word/styles.xml": word_part(_style("a", '<w:basedOn w:val="b"/>') + _style("b", '<w:basedOn w:val="a"/>'), "styles")}), PARSED),
    case("chain of 20,000 styles that vanishes", DOCX, lambda: _chain(20_000), PARSED),
    case("deleted revision", DOCX, lambda: _body(f"<w:p><w:del><w:r><w:delText>{SMUGGLED}</w:delText></w:r></w:del></w:p>"), PARSED),
    case("deleted revision as plain text", DOCX, lambda: _body(f"<w:p><w:del><w:r><w:t>{SMUGGLED}</w:t></w:r></w:del></w:p>"), PARSED),
    case("text moved away", DOCX, lambda: _body(f"<w:p><w:moveFrom><w:r><w:t>{SMUGGLED}</w:t></w:r></w:moveFrom></w:p>"), PARSED),
    case("fallback of a choice", DOCX, lambda: _body(f'<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Fallback>{paragraph(SMUGGLED)}</mc:Fallback></mc:AlternateContent>'), PARSED),
    case("comments, header and footer", DOCX, lambda: docx_bytes(more={f"word/{part}.xml": word_part(paragraph(SMUGGLED), part) for part in ("comments", "header1", "footer1")}), PARSED),
    case("text outside of w:t", DOCX, lambda: _body(f"<w:p><w:r>{SMUGGLED}</w:r></w:p>"), PARSED),
    case("look-alike namespace", DOCX, lambda: _body(f'<p xmlns="{WORD_NAMESPACE}/"><r><t>{SMUGGLED}</t></r></p>'), PARSED),
    case("all text vanishes", DOCX, lambda: docx_bytes(paragraph(SMUGGLED, "<w:vanish/>")), "TEXT_EMPTY"),
    case("size that is no number", DOCX, lambda: docx_bytes(paragraph("x", '<w:sz w:val="²"/><w:color w:val=""/>')), PARSED),
)  # fmt: skip
_DTDS: Final = (
    case("entity in an attribute", DOCX, lambda: _entity('<!ENTITY x "SMUGGLED">', '<w:x w:val="&amp;x;"/>').replace(b"&amp;", b"&"), _DTD),
    case("quadratic entity", DOCX, lambda: _entity(f'<!ENTITY x "{"A" * 50_000}">', "&x;" * 20_000), _DTD),
    case("entity that names itself", DOCX, lambda: _entity('<!ENTITY x "&x;">'), _DTD),
    case("parameter entities that build an entity", DOCX, lambda: _entity("<!ENTITY % a '&#37;b;'><!ENTITY % b '<!ENTITY x \"y\">'>%a;"), _DTD),
    case("public identifier", DOCX, lambda: _raw('<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:9/x.dtd">', "utf-8"), _DTD),
    case("default attribute by DTD", DOCX, lambda: _entity('<!ATTLIST d a CDATA "SMUGGLED">', "x"), _DTD),
    case("notation and unparsed entity", DOCX, lambda: _entity('<!NOTATION n SYSTEM "cmd"><!ENTITY x SYSTEM "a" NDATA n>', "x"), _DTD),
    case("DTD behind a comment of 500 KB", DOCX, lambda: _raw(f"<!--{'x' * 500_000}--><!DOCTYPE d>", "utf-8"), _DTD),
    case("DTD in UTF-16 without mark", DOCX, lambda: _raw("<!DOCTYPE d>", "utf-16-be"), _DTD, "XML_INVALID"),
    case("DTD in the list of types", DOCX, lambda: zip_bytes({"[Content_Types].xml": b"<!DOCTYPE d>" + CONTENT_TYPES[21:], "word/document.xml": word_part(_SEEN)}), _DTD),
    *(case(f"DTD in {part}", DOCX, lambda part=part: _part(part, "<!DOCTYPE d><d/>"), _DTD)
      for part in ("word/footnotes.xml", "word/_rels/document.xml.rels", "docProps/core.xml")),
    case("entity that nobody declared", DOCX, lambda: _body(paragraph("&x;")), "XML_INVALID"),
    case("conditional section", DOCX, lambda: _entity("<![INCLUDE[<!ENTITY x 'y'>]]>"), _DTD, "XML_INVALID"),
)  # fmt: skip
_ENCODINGS: Final = (
    *(case(f"XML in {encoding} without a mark", DOCX, lambda encoding=encoding: _raw(_declared(encoding), encoding), "XML_INVALID")
      for encoding in ("utf-32-le", "cp037", "utf-7")),
    *(case(f"XML that claims {encoding}", DOCX, lambda encoding=encoding: _raw(_declared(encoding), "utf-8"), "XML_INVALID")
      for encoding in ("utf-16", "utf-32", "cp037", "iso-2022-jp", "hex", "unicode_escape", "idna", "x" * 5000)),
    case("UTF-16 XML that claims UTF-8", DOCX, lambda: _raw(_declared("utf-8"), "utf-16"), "XML_INVALID", PARSED),
    case("two byte order marks", DOCX, lambda: _raw("\ufeff\ufeff", "utf-8"), "XML_INVALID"),
    case("overlong UTF-8 in XML", DOCX, lambda: main_part(word_part(paragraph("@")).replace(b"@", b"\xc0\xbc")), "XML_INVALID"),
    case("XML 1.1", DOCX, lambda: _raw("<?xml version='1.1'?>", "utf-8", paragraph("&#1;")), "XML_INVALID"),
    case("blanks before the declaration", DOCX, lambda: _raw(" <?xml version='1.0'?>", "utf-8"), "XML_INVALID"),
    case("character of NUL", DOCX, lambda: _body(paragraph("&#0;")), "XML_INVALID"),
    case("character of half a surrogate pair", DOCX, lambda: _body(paragraph("&#xD800;")), "XML_INVALID"),
    case("character past Unicode", DOCX, lambda: _body(paragraph("&#x110000;")), "XML_INVALID"),
    case("terminal orders as characters", DOCX, lambda: _body(paragraph("&#x9b;31m&#x85;&#x7f;x")), PARSED),
)  # fmt: skip
_SHAPES: Final = (
    case("two roots", DOCX, lambda: main_part(word_part(_SEEN) + b"<w/>"), "XML_INVALID"),
    case("element without end", DOCX, lambda: main_part(word_part(_SEEN)[:-3]), "XML_INVALID"),
    case("attribute twice", DOCX, lambda: _body('<x a="1" a="2"/>'), "XML_INVALID"),
    case("one attribute under two prefixes", DOCX, lambda: _body('<x xmlns:a="u" xmlns:b="u" a:c="1" b:c="2"/>'), "XML_INVALID"),
    case("prefix that nobody declared", DOCX, lambda: _body("<q:x/>"), "XML_INVALID"),
    case("10,000 namespaces", DOCX, lambda: _body("<x " + " ".join(f'xmlns:n{n}="u{n}"' for n in range(10_000)) + "/>"), PARSED),
    case("attribute of 4 MB", DOCX, lambda: _body(f'<x a="{"&lt;ab" * 100_000}{"".join(map(str, range(500_000)))}"/>'), PARSED),
    case("element name of 1 MB", DOCX, lambda: _body(f"<{''.join(f'n{n}' for n in range(150_000))}/>"), PARSED),
    case("marked section without end", DOCX, lambda: _body("<w:p><w:r><w:t><![CDATA[" + "]]" * 400_000), "XML_INVALID"),
    case("comment of two dashes", DOCX, lambda: _body("<!-- -- -->"), "XML_INVALID"),
    case("100,000 instructions", DOCX, lambda: _body("".join(f"<?p{n} x?>" for n in range(100_000))), PARSED),
    case("tables 250 deep", DOCX, lambda: _body("<w:tbl><w:tr><w:tc>" * 82 + _SEEN + "</w:tc></w:tr></w:tbl>" * 82), "XML_TOO_DEEP", PARSED),
    case("300,000 line breaks", DOCX, lambda: docx_bytes("<w:p><w:r>" + "".join(f'<w:br n="{n}"/>' for n in range(300_000)) + "<w:t>x</w:t></w:r></w:p>"), PARSED, *STOPPED),
    case("9 million characters in one run", DOCX, lambda: docx_bytes(paragraph("".join(f"{n:07}" for n in range(1_286_000)))), "TEXT_TOO_LARGE"),
    case("title of 1 MB", DOCX, lambda: _part("docProps/core.xml", '<c xmlns:d="http://purl.org/dc/elements/1.1/"><d:title>' + "t " * (MIB // 4) + "</d:title></c>"), PARSED),
    case("cells without a row", DOCX, lambda: _body("<w:tc/>" * 1000 + "<w:t>x</w:t><w:br/>"), PARSED),
    case("runs in runs", DOCX, lambda: _body("<w:p>" + "<w:r>" * 200 + "<w:t>x</w:t>" + "</w:r>" * 200 + "</w:p>"), PARSED),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_MACROS, *_OUTSIDE, *_UNSEEN, *_DTDS, *_ENCODINGS, *_SHAPES)
