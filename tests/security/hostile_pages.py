# ruff: noqa: E501 (a table: one case reads best on one line)
"""Hostile HTML: text that no reader sees, shapes that make trees explode, style sheets against their scanner."""

from typing import Final

from hostile_cases import HTML, MIB, PARSED, SMUGGLED, STOPPED, Hostile, case

_WORD: Final = SMUGGLED.encode()
_SEEN: Final = b"<!doctype html><p>Delivery takes ten days.</p>"


def _page(markup: str) -> bytes:
    return _SEEN + markup.encode()


def _hidden(name: str, markup: str) -> Hostile:
    """The word must not reach the text."""
    return case(f"hidden by {name}", HTML, lambda: _page(markup), PARSED)


def _styled(name: str, declarations: str) -> Hostile:
    return _hidden(name, f'<p style="{declarations}">{SMUGGLED}</p>')


def _ruled(name: str, sheet: str, markup: str = f'<p class="x">{SMUGGLED}</p>') -> Hostile:
    return _hidden(name, f"<style>{sheet}</style>{markup}")


_UNSEEN: Final = (
    _styled("display", "DISPLAY : none"),
    _styled("display, escaped", "d\\69 splay:no\\6e e"),
    _styled("display, commented", "display/**/:/*x*/none"),
    _styled("display, behind a data URL", "background:url(data:image/png;base64,AAAA);display:none"),
    _styled("visibility", "visibility:hidden"),
    _styled("opacity", "opacity:.0"),
    _styled("size", "font-size:0px"),
    _styled("short font", "font:0/0 a"),
    _styled("place", "position:absolute;left:-9999px"),
    _styled("indent", "text-indent:-9999em"),
    _styled("scale", "transform:scale(0)"),
    _styled("translation", "transform:translateX(-99999px)"),
    _styled("clip", "clip:rect(0 0 0 0)"),
    _styled("clip path", "clip-path:inset(100%)"),
    _styled("white on white", "color:#fff;background:white"),
    _styled("transparent colour", "color:rgba(1,2,3,0)"),
    _styled("no height", "height:0;overflow:hidden"),
    _styled("mail rule", "mso-hide:all"),
    _ruled("rule", ".x{display:none}"),
    _ruled("rule in a media query", "@media screen{.x{display:none}}"),
    _ruled("rule in a layer", "@layer a{@supports (display:grid){.x{display:none}}}"),
    _ruled("rule behind a broken one", "p{{color:}}.y{}.x{display:none}"),
    _ruled("rule behind a string of braces", 'a{content:"}{"}.x{display:none}'),
    _ruled("rule of attributes", "p[class^=x]{visibility:hidden}"),
    _ruled("rule in the body, after the text", "", f'<p id="y">{SMUGGLED}</p><style>#y{{opacity:0}}</style>'),
    _ruled("rule in a rule", "body{p{color:red}.x{display:none}}"),
    _ruled("rule in a rule, joined", "p{&.x{@media all{display:none}}}"),
    _ruled("rule with rules in it", "p.x{color:red;display:none;b{color:blue}}"),
    _ruled("rule behind the rules in it", ".x{b{color:blue}display:none}"),
    _ruled("rule beside a pseudo-element", "p::before, .x, p::after{display:none}"),
    _ruled("rule of an older name", "p:-webkit-any(.x,.y){display:none}"),
    _ruled("rule for one language", "p:lang(en):not(:popover-open){display:none}", f'<p lang="en">{SMUGGLED}</p>'),
    _ruled("rule for whatever is defined", "body > :defined.x{display:none}"),
    _ruled("rule in a scope", "@scope (body){.x{display:none}}"),
    _ruled("rule cut off", ".x{display:none"),
    _hidden("attribute", f"<p HIDDEN=until-found>{SMUGGLED}</p>"),
    _hidden("label for readers aloud", f'<p aria-hidden="TRUE">{SMUGGLED}</p>'),
    _hidden("closed dialog", f"<dialog>{SMUGGLED}</dialog>"),
    _hidden("template", f"<template><p>{SMUGGLED}<template>{SMUGGLED}</template></template>"),
    _hidden("comment", f"<!-- {SMUGGLED} --><!-- {SMUGGLED} --!><!doctype {SMUGGLED}><![CDATA[{SMUGGLED}]]><?x {SMUGGLED}>"),
    _hidden("conditional comment", f"<!--[if mso]><p>{SMUGGLED}</p><![endif]-->"),
    _hidden("script", f"<script>var a='</p>{SMUGGLED}';<!--<script>{SMUGGLED}</script>{SMUGGLED}--></script>"),
    _hidden("attributes", f'<img alt="" title="{SMUGGLED}" src="x" onerror="{SMUGGLED}"><a href="data:text/html,{SMUGGLED}">x</a>'),
    _hidden("form fields", f'<input type="hidden" value="{SMUGGLED}"><textarea>{SMUGGLED}</textarea><select><option>{SMUGGLED}</select>'),
    _hidden("frame", f'<iframe srcdoc="{SMUGGLED}">{SMUGGLED}</iframe><noframes>{SMUGGLED}</noframes><noscript>{SMUGGLED}</noscript>'),
    _hidden("drawing", f"<svg><desc>{SMUGGLED}</desc><metadata>{SMUGGLED}</metadata><style>{SMUGGLED}</style><script>{SMUGGLED}</script></svg>"),
    _hidden("formula", f"<math><annotation-xml encoding='text/html'><p>{SMUGGLED}</p></annotation-xml></math>"),
    _hidden("element in a hidden one", f"<div hidden><p style='display:block'>{SMUGGLED}</p></div>"),
    _hidden("head", f"<title>x</title><head><meta content='{SMUGGLED}'></head>"),
)  # fmt: skip
_BAD_SHAPE: Final = (PARSED, "HTML_TOO_COMPLEX", *STOPPED)
_SHAPES: Final = (
    case("attribute of 16 MB", HTML, lambda: _SEEN + b'<p title="' + b"x" * (16 * MIB) + b'">x', PARSED),
    case("tag name of 4 MB", HTML, lambda: _SEEN + b"<" + b"x" * (4 * MIB) + b">y", PARSED),
    case("tag without end", HTML, lambda: _SEEN + b'<p class="' + b"SMUGGLED " * 1000, PARSED),
    case("script without end", HTML, lambda: _SEEN + b"<script>" + b"<!--<script>" * 100_000 + _WORD, PARSED),
    case("comment without end", HTML, lambda: _SEEN + b"<!--" + b"--" * MIB + _WORD, PARSED),
    case("title without end", HTML, lambda: b"<!doctype html><title>" + b"SMUGGLED" * 1000, "TEXT_EMPTY"),
    case("plaintext element", HTML, lambda: _SEEN + b"<plaintext>" + b"</plaintext><b>" * 10_000, PARSED),
    case("200,000 end tags", HTML, lambda: _SEEN + b"</p>" * 200_000 + b"x", *_BAD_SHAPE),
    case("tables in tables", HTML, lambda: _SEEN + b"<table><tr><td>" * 5_000 + b"x", *_BAD_SHAPE),
    case("text pushed out of tables", HTML, lambda: _SEEN + b"<table>" + b"<b>x<tr>" * 20_000, *_BAD_SHAPE),
    case("forms, options and headings in each other", HTML, lambda: _SEEN + b"<form><select><option><h1>" * 20_000 + b"x", *_BAD_SHAPE, "TEXT_EMPTY"),
    case("templates 10,000 deep", HTML, lambda: _SEEN + b"<template>" * 10_000 + _WORD, *_BAD_SHAPE),
    case("lists 50,000 deep", HTML, lambda: _SEEN + b"<ul><li>" * 25_000 + b"x", *_BAD_SHAPE),
    case("markup that changes between parsers", HTML, lambda: _SEEN + b"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;SMUGGLED'>", PARSED),
    case("drawing and formula in turn", HTML, lambda: _SEEN + b"<svg><foreignObject><math><mi>" * 10_000 + b"x", *_BAD_SHAPE),
    case("framesets", HTML, lambda: b"<!doctype html><frameset>" + b"<frame src=x>" * 10_000, "TEXT_EMPTY"),
    case("800,000 comments", HTML, lambda: _SEEN + b"<!---->" * 800_000, *_BAD_SHAPE),
    case("ruby without end", HTML, lambda: _SEEN + b"<ruby><rb><rt><rp>" * 20_000 + b"x", *_BAD_SHAPE),
    case("active formats and an end tag each", HTML, lambda: _SEEN + b"".join(b"<b id=%d>" % n for n in range(3_000)) + b"<p></b>" * 3_000 + b"x", *_BAD_SHAPE),
    case("100,000 hidden elements in each other", HTML, lambda: _SEEN + b"<div hidden>" * 100_000 + _WORD, *_BAD_SHAPE),
    case("named entities of two letters", HTML, lambda: _SEEN + b"&NotEqualTilde;" * 500_000, PARSED),
    case("characters past Unicode", HTML, lambda: _SEEN + b"&#x110000;&#xD800;&#0;&#x9b;31m&#x1b;&#99999999999999999999;", PARSED),
    case("NUL in tags, text and script", HTML, lambda: _SEEN + b"x" * 70_000 + b"<scr\0ipt>SMUGGLED</script><p hid\0den>SMUGGLED</p>\0", PARSED),
    case("base address and refresh", HTML, lambda: _page("<base href='javascript:/'><meta http-equiv=refresh content='0;url=file:///etc/passwd'><link rel=import href=http://127.0.0.1:9/>"), PARSED),
    case("200 object elements in each other", HTML, lambda: _page("<object data='file:///etc/passwd'>" * 200 + SMUGGLED), PARSED),
)  # fmt: skip


def _sheet(sheet: str, markup: str = "<p class=x>x</p>") -> bytes:
    return _page(f"<style>{sheet}</style>{markup}")


_STYLES: Final = (
    case("style sheet of 3 MB", HTML, lambda: _sheet("a{}" * MIB), "HTML_TOO_COMPLEX"),
    case("selector 10,000 negations deep", HTML, lambda: _sheet(":not(" * 10_000 + "p" + ")" * 10_000 + "{display:none}"), "TEXT_EMPTY", *_BAD_SHAPE),
    case("rules that multiply in each other", HTML, lambda: _sheet("p{" + "& &{" * 30 + "display:none"), "HTML_TOO_COMPLEX"),
    case("rules 40 deep in each other", HTML, lambda: _sheet("p{" * 40 + "display:none"), "HTML_TOO_COMPLEX"),
    case("selector of 100,000 alternatives", HTML, lambda: _sheet(",".join(f".a{n}" for n in range(100_000)) + "{display:none}"), *_BAD_SHAPE),
    case("selector of 50,000 ancestors", HTML, lambda: _sheet("div " * 50_000 + "p{display:none}", "<div>" * 500 + "x"), *_BAD_SHAPE),
    case("400 rules that look inside", HTML, lambda: _sheet("div:has(div:has(.q)){display:none}" * 400, "<div>" * 2_000 + "x"), *_BAD_SHAPE),
    case("500 rules over 100,000 elements", HTML, lambda: _sheet("*>*+*~i{display:none}" * 500, "<i></i>" * 100_000 + "x"), *_BAD_SHAPE),
    case("rules that do not parse", HTML, lambda: _sheet("p::before,:hover(,[=]{display:none}" * 400), PARSED),
    case("grouping rules 100,000 deep", HTML, lambda: _sheet("@media a{" * 100_000 + ".x{display:none}"), "HTML_TOO_COMPLEX"),
    case("strings without end in a sheet", HTML, lambda: _sheet("a{b:\"\\" + "\\\"" * (MIB // 2)), PARSED),
    case("comments without end in a sheet", HTML, lambda: _sheet("/*" * (MIB // 2)), PARSED),
    case("imports in a sheet", HTML, lambda: _sheet("@import url(http://127.0.0.1:9/);@font-face{src:url(file:///etc/passwd)}" * 1000), PARSED),
    case("escapes past Unicode in a sheet", HTML, lambda: _sheet(".x{a:\\110000\\D800\\0 }" * 1000), PARSED),
    case("200,000 style attributes", HTML, lambda: _page("<i style='left:-1px;color:a;background:b'>x</i>" * 50_000), *_BAD_SHAPE),
    case("declarations without end", HTML, lambda: _page(f'<p style="{"clip-path:circle(;" * 100_000}">x'), PARSED, "PARSER_TIMEOUT"),
    case("far places of many digits", HTML, lambda: _page(f'<p style="{("left:-" + "0" * 200 + ";") * 20_000}">x'), PARSED, "PARSER_TIMEOUT"),
    case("colours of brackets without end", HTML, lambda: _page(f'<p style="{"color:rgba(" * 200_000}">x'), PARSED, "PARSER_TIMEOUT"),
)  # fmt: skip
_CHARSETS: Final = (
    case("two charsets in the markup", HTML, lambda: b"<meta charset=utf-8><meta charset=utf-7><p>+ADw-", PARSED),
    case("charset in the markup against the declared one", HTML + "; charset=utf-8", lambda: b"<meta charset=utf-7><p>+ADw-", PARSED),
    case("charset behind the first kilobyte", HTML, lambda: b"<!--" + b"x" * 1100 + b"--><meta charset=utf-7><p>x", PARSED),
    case("charset by refresh header", HTML, lambda: b'<meta http-equiv="Content-Type" content="text/html; charset=iso-2022-kr"><p>\x1b$)C\x0e<\x0f', "ENCODING_INVALID"),
    case("charset in a comment", HTML, lambda: b"<!-- <meta charset=x-user-defined> --><p>\xf7", "ENCODING_INVALID"),
    case("charset of 1,000 letters", HTML, lambda: b"<meta charset=" + b"x" * 1000 + b"><p>x", "ENCODING_INVALID"),
    case("charset without value", HTML, lambda: b"<meta charset><meta charset=''><p>x", PARSED),
    case("UTF-16 page that claims UTF-8", HTML, lambda: "<meta charset=utf-8><p>x".encode("utf-16"), PARSED),
    case("page in UTF-16 without a mark", HTML, lambda: "<p>x".encode("utf-16-le"), "CONTENT_TYPE_MISMATCH"),
    case("XML declaration of another charset", HTML, lambda: b"<?xml version='1.0' encoding='utf-7'?><html><p>+ADw-", PARSED),
    case("page without a tag", HTML, lambda: b"alert(1) < 2", "CONTENT_TYPE_MISMATCH"),
    case("all text in the head", HTML, lambda: b"<!doctype html><title>SMUGGLED</title>", "TEXT_EMPTY"),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_UNSEEN, *_SHAPES, *_STYLES, *_CHARSETS)
