"""HTML to text as a reader would see it: blocks become paragraphs, cells are separated, hidden text is dropped.

Parsed by Lexbor (WHATWG tree construction) through selectolax; nothing is fetched and no script runs.
"""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from staithe.ingestion.parsers.css import alternatives, hides, hiding_selectors
from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, one_line
from staithe.ingestion.parsers.encoding import decode_text
from staithe.ingestion.parsers.limits import HTML_NODES_MAX, STYLE_TRIALS_INSIDE, STYLE_TRIALS_MAX
from staithe.ingestion.parsers.openness import check_open_elements
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import HTML

# Never text for a reader, and not counted as hidden: code, controls, and content from elsewhere.
_SKIPPED: Final = frozenset(
    [
        "script",
        "style",
        "head",
        "title",
        "meta",
        "link",
        "iframe",
        "object",
        "embed",
        "applet",
        "audio",
        "video",
        "canvas",
        "map",
        "input",
        "textarea",
        "select",
        "datalist",
        "desc",
        "metadata",
        "annotation",
        "annotation-xml",
    ]
)
# Text that a page carries and a reader does not get to see.
_HIDDEN_TAGS: Final = frozenset({"template", "noscript", "noembed", "noframes"})
_HIDDEN_ATTRIBUTES: Final = '[hidden], [aria-hidden="true" i], dialog:not([open])'
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "details",
        "dialog",
        "div",
        "dl",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "ul",
    ]
)
_LINES: Final = frozenset({"li", "tr", "dt", "dd", "br", "option", "legend"})
_CELLS: Final = frozenset({"td", "th"})
_META_CHARSET: Final = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{1,40})", re.IGNORECASE)
_META_BYTES: Final = 1024
_SPACES: Final = re.compile(r"[ \t\n\r\f\xa0]+")


def parse_html(content: bytes, charset: str | None) -> ParsedDocument:
    """Visible text of a page; raises ENCODING_INVALID, HTML_TOO_COMPLEX, TEXT_TOO_LARGE."""
    return html_text(decode_text(content, charset or _charset_in_markup(content)))


def html_text(markup: str) -> ParsedDocument:
    """Visible text of decoded markup; also for the HTML body of a mail."""
    # Lexbor replaces NUL inconsistently by context; a reader never sees one.
    markup = markup.replace("\x00", "")
    check_open_elements(markup)
    tree = LexborHTMLParser(markup)
    walk = _Walk(_hidden_elements(tree, markup.count("<")))
    if tree.body is not None:
        walk.run(tree.body)
    signals = {
        "hidden_characters": walk.hidden_characters,
        "active_content": len(tree.css("script, object, embed, applet, iframe, [onclick], [onload], [onerror]")),
    }
    return ParsedDocument(walk.text(), _title(tree), HTML, signals)


def _charset_in_markup(content: bytes) -> str | None:
    """The charset of a `<meta>` in the first 1,024 bytes (WHATWG prescan, simplified)."""
    found = _META_CHARSET.search(content[:_META_BYTES])
    return found[1].decode("ascii") if found else None


def _hidden_elements(tree: LexborHTMLParser, tags: int) -> set[int]:
    hidden = {node.mem_id for node in tree.css(_HIDDEN_ATTRIBUTES)}
    hidden.update(node.mem_id for node in tree.css("[style]") if hides(node.attributes.get("style") or ""))
    sheets = "\n".join(node.text(deep=True) for node in tree.css("style"))
    selectors = hiding_selectors(sheets) if sheets else ()
    if sum(tags * (1 + each.count(":has(") * tags // STYLE_TRIALS_INSIDE) for each in selectors) > STYLE_TRIALS_MAX:
        raise refusal("HTML_TOO_COMPLEX")
    for selector in selectors:
        found = _matching(tree, selector)
        if found is None:
            # What is still not understood (such as `p::before`) hides no element.
            for part in alternatives(selector):
                hidden.update(_matching(tree, part) or ())
        hidden.update(found or ())
    return hidden


def _matching(tree: LexborHTMLParser, selector: str) -> list[int] | None:
    """Identities of the elements that match; None if Lexbor does not understand the selector."""
    try:
        return [node.mem_id for node in tree.css(selector)]
    except SelectolaxError:
        return None


def _title(tree: LexborHTMLParser) -> str | None:
    for selector in ("head > title", "h1", "h2, h3"):
        node = tree.css_first(selector)
        title = one_line(node.text(deep=True)) if node is not None else ""
        if title:
            return title
    return None


class _Walk:
    """One pass over the tree in document order, without recursion: markup may nest as deep as it likes."""

    def __init__(self, hidden: set[int]) -> None:
        self.hidden_characters = 0
        self._hidden = hidden
        self._collector = TextCollector()
        self._gap = ""  # what to write before the next text
        self._started = False
        self._preformatted = 0
        self._nodes_left = HTML_NODES_MAX

    def text(self) -> str:
        return self._collector.text()

    def run(self, root: LexborNode) -> None:
        node: LexborNode | None = root
        end = root.mem_id
        while node is not None:
            child = node.first_child if self._enter(node) else None
            if child is not None:
                node = child
                continue
            while node is not None:
                self._leave(node)
                if node.mem_id == end:
                    return
                following = node.next
                if following is not None:
                    node = following
                    break
                node = node.parent

    def _enter(self, node: LexborNode) -> bool:
        """Handle a node; True if its children are to be visited."""
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise refusal("HTML_TOO_COMPLEX")
        if node.is_text_node:
            self._write(node.text_content or "")
            return False
        if node.is_comment_node:
            # Dropped, and not counted as hidden text: no page shows comments, and ordinary ones are full of them.
            return False
        tag = node.tag or ""
        if tag in _SKIPPED:
            return False
        if tag in _HIDDEN_TAGS or node.mem_id in self._hidden:
            self.hidden_characters += _characters(node)
            return False
        self._separate(tag)
        if tag == "pre":
            self._preformatted += 1
        return True

    def _leave(self, node: LexborNode) -> None:
        if node.is_text_node or node.is_comment_node:
            return
        tag = node.tag or ""
        if tag == "pre" and self._preformatted:
            self._preformatted -= 1
        if tag not in _CELLS and tag != "br":
            self._separate(tag)

    def _separate(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._gap = "\n\n"
        elif tag in _LINES:
            self._gap = "\n" if self._gap != "\n\n" else self._gap
        elif tag in _CELLS and "\n" not in self._gap:
            self._gap = " | "

    def _write(self, raw: str) -> None:
        if self._preformatted:
            self._put(raw)
            return
        text = _SPACES.sub(" ", raw)
        bare = text.strip(" ")
        if text[:1] == " " and not self._gap:
            self._gap = " "
        if bare:
            self._put(bare)
            self._gap = " " if text[-1] == " " else ""

    def _put(self, text: str) -> None:
        if not text:
            return
        self._collector.add(self._gap + text if self._started else text)
        self._started, self._gap = True, ""


def _characters(node: LexborNode) -> int:
    """How much text a hidden element carries; template content lives outside the tree proper."""
    inside = "".join(part.text(deep=True) for part in _fragments(node)) if node.tag == "template" else ""
    return len(_SPACES.sub(" ", node.text(deep=True) + inside).strip())


def _fragments(node: LexborNode) -> list[LexborNode]:
    return list(node.template_fragments() or ())
