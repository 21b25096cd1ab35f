"""The closed list of reasons for which a document is refused, each with the one sentence a source may read.

The sentence is chosen here by code and never comes from the child: a parser under attack cannot write into logs.
"""

from typing import Final

from staithe.kernel.errors import InvalidEvent

REASONS: Final[dict[str, str]] = {
    "CONTENT_TYPE_MISMATCH": "the document is not what its declared content type says; declare the true type",
    "CONTENT_TYPE_UNSUPPORTED": "this content type is not accepted; see the list of supported types",
    "DOCUMENT_EMPTY": "the document has no bytes",
    "DOCUMENT_TOO_LARGE": "the document is larger than the limit; split it",
    "ENCODING_INVALID": "the text does not decode as UTF-8, UTF-16 with a byte order mark, or its declared charset",
    "TEXT_EMPTY": "the document holds no readable text (a scan needs text recognition first)",
    "TEXT_TOO_LARGE": "the text of the document is larger than the limit; split it",
    "PARSER_TIMEOUT": "reading the document took longer than the limit",
    "PARSER_MEMORY": "reading the document needed more memory than the limit",
    "PARSER_CRASHED": "the parser ended abnormally on this document",
    "HTML_TOO_COMPLEX": "the page has more elements or style rules than the limit",
    "PDF_INVALID": "the PDF is damaged",
    "PDF_ENCRYPTED": "the PDF is encrypted; publish it without a password",
    "PDF_TOO_MANY_PAGES": "the PDF has more pages than the limit; split it",
    "ZIP_INVALID": "the archive structure of the document is damaged or ambiguous",
    "ZIP_ENCRYPTED": "the document is encrypted; publish it without a password",
    "ZIP_LIMIT": "the archive inside the document passes a limit on entries, size or compression ratio",
    "ZIP_NAME_UNSAFE": "a name inside the archive is absolute, climbs out, or holds control characters",
    "DOCX_INVALID": "the Word document has no readable main part, or keeps its parts in unusual places",
    "DOCX_MACROS": "the Word document carries macros; save it as .docx without them",
    "XML_INVALID": "an XML part of the document is not well formed",
    "XML_DTD_FORBIDDEN": "an XML part declares a document type; entities are refused",
    "XML_TOO_DEEP": "an XML part nests deeper than the limit",
    "CSV_INVALID": "the table is not well-formed CSV",
    "CSV_TOO_WIDE": "the table has more columns, or a longer field, than the limit",
    "JSON_INVALID": "the document is not well-formed JSON",
    "JSON_DUPLICATE_KEY": "an object in the JSON has the same key twice",
    "JSON_NUMBER_INVALID": "a number in the JSON is not finite or has too many digits",
    "JSON_SURROGATE": "a string in the JSON has half of a surrogate pair",
    "JSON_TOO_DEEP": "the JSON nests deeper than the limit",
    "EML_INVALID": "the mail is damaged: its structure or transfer encoding does not decode",
    "EML_TOO_COMPLEX": "the mail has more parts, nesting or header text than the limit",
    "EML_NO_BODY": "the mail has no text or HTML body",
}


def refusal(reason_code: str) -> InvalidEvent:
    """The error for a reason of the list; KeyError for a code that is not in it, which is a programming error."""
    return InvalidEvent(REASONS[reason_code], reason_code=reason_code)
