"""Writers of the archives, PDFs and mails that hostile_documents lists."""

import io
import zipfile
import zlib

from document_samples import (
    CONTENT_TYPES,
    docx_bytes,
    mail_bytes,
    paragraph,
    pdf_bytes,
    pdf_objects,
    stream,
    word_part,
    zip_bytes,
)
from hostile_cases import MIB


def main_part(content: bytes) -> bytes:
    return zip_bytes({"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": content})


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def laughs() -> bytes:
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    return main_part(b'<!DOCTYPE d [<!ENTITY l0 "lol">' + entities + b"]>" + word_part(paragraph("&l9;"))[21:])


def xxe(declaration: bytes) -> bytes:
    return main_part(b"<!DOCTYPE d [" + declaration + b"]>" + word_part(paragraph("&x;"))[21:])


def zip_with_sizes_lied(size: int) -> bytes:
    """The directory claims `size` bytes for a part that inflates to 200 MB."""
    good = main_part(word_part(paragraph("A" * 200_000_000)))
    directory = good.rindex(b"PK\x01\x02")
    at = directory + 24
    return good[:at] + size.to_bytes(4, "little") + good[at + 4 :]


def overlapping() -> bytes:
    """Many directory entries that share one kernel of compressed bytes (the better zip bomb, 2019)."""
    good = main_part(word_part(paragraph("A" * 900_000)))
    start = int.from_bytes(good[-6:-2], "little")
    directory = good[start:-22]
    last = directory[directory.rindex(b"PK\x01\x02") :]
    names = b"".join(last.replace(b"word/document.xml", b"word/docum%03d.xml" % n) for n in range(200))
    whole = directory + names
    count = (2 + 200).to_bytes(2, "little")
    end = b"PK\x05\x06\0\0\0\0" + count * 2 + len(whole).to_bytes(4, "little") + start.to_bytes(4, "little") + b"\0\0"
    return good[:start] + whole + end


def quine() -> bytes:
    """An archive that holds itself in the directory: the entry's data is the archive from its own header on."""
    good = bytearray(docx_bytes(more={"inner.docx": b"x" * 64}))
    directory = bytes(good).rindex(b"PK\x01\x02")
    good[directory + 42 : directory + 46] = (0).to_bytes(4, "little")
    return bytes(good)


def nested_zips() -> bytes:
    inner = zip_bytes({"bomb": bytes(8 * MIB)})
    for _ in range(10):
        inner = zip_bytes({"a.docx": inner, "b.docx": inner})
    return docx_bytes(more={"word/embeddings/a.docx": inner})


def stored_method(method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("word/document.xml", word_part(paragraph("x")))
    return target.getvalue()


def pdf_bomb(layers: int) -> bytes:
    data = bytes(100 * MIB)
    for _ in range(layers):
        data = zlib.compress(data, 9)
    filters = b"/Filter[" + b"/FlateDecode" * layers + b"]"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    return pdf_objects(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, stream(data, filters)]
    )


def pdf_tree(kids: bytes, count: int) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    return pdf_objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count), page])


def pdf_form_loop() -> bytes:
    form = stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>/Contents 5 0 R>>"
    tree = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return pdf_objects([b"<</Type/Catalog/Pages 2 0 R>>", tree, page, form, stream(b"/X Do")])


def encrypted_pdf() -> bytes:
    return pdf_bytes(trailer=b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O(" + b"o" * 32 + b")/U(" + b"u" * 32
                     + b")>>/ID[(a)(a)]")  # fmt: skip


def nested_mime(depth: int) -> bytes:
    heads = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return ("From: a@b.example\nSubject: x\n" + heads + "Content-Type: text/plain\n\ndeep\n").encode()


def nested_messages(depth: int) -> bytes:
    return b"From: a@b.example\n" + b"Content-Type: message/rfc822\n\nFrom: a@b.example\n" * depth + b"\n\ndeep\n"


def part(headers: str, body: str) -> bytes:
    return mail_bytes(body, headers)


def attachment_named(name: str) -> bytes:
    return mail_bytes(
        f"--b\nContent-Type: text/plain\n\nbody\n--b\nContent-Disposition: attachment; filename={name}\n\nx\n--b--",
        'Content-Type: multipart/mixed; boundary="b"\n',
    )
