# ruff: noqa: E501 (markup in a line of its own)
"""A page's text is what a reader sees; the amount that is hidden is reported."""

import pytest

from staithe.ingestion.parsers.css import hides, hiding_selectors
from staithe.ingestion.parsers.hypertext import html_text
from staithe.ingestion.parsers.limits import HIDING_RULES_MAX
from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.errors import InvalidEvent

HIDDEN = {
    "display": '<p style="display:none">SECRET</p>',
    "display upper case": '<p style="DISPLAY : NONE !important">SECRET</p>',
    "display with comment": '<p style="display/**/:/* x */none">SECRET</p>',
    "display with escape": '<p style="d\\69 splay:n\\6f ne">SECRET</p>',
    "display with entity": '<p style="display&#58;none">SECRET</p>',
    "visibility": '<p style="visibility:hidden">SECRET</p>',
    "opacity": '<p style="color:red;opacity:0.0">SECRET</p>',
    "font size": '<p style="font-size:0px">SECRET</p>',
    "font shorthand": '<p style="font:0/0 a">SECRET</p>',
    "off screen": '<p style="position:absolute;left:-9999px">SECRET</p>',
    "indent": '<p style="text-indent:-100em">SECRET</p>',
    "clip": '<p style="position:absolute;clip:rect(0 0 0 0)">SECRET</p>',
    "clip path": '<p style="clip-path:inset(50%)">SECRET</p>',
    "scale": '<p style="transform:scale(0)">SECRET</p>',
    "no height": '<p style="height:0;overflow:hidden">SECRET</p>',
    "transparent": '<p style="color:transparent">SECRET</p>',
    "alpha": '<p style="color:rgba(0,0,0,0)">SECRET</p>',
    "same colours": '<p style="color:#FFF;background:white">SECRET</p>',
    "hidden attribute": "<p hidden>SECRET</p>",
    "aria": '<p aria-hidden="TRUE">SECRET</p>',
    "class rule": "<style>.x{display:none}</style><p class=x>SECRET</p>",
    "class rule in media": "<style>@media screen{ .x { opacity : 0 } }</style><p class=x>SECRET</p>",
    "rule in a rule": "<style>body{p{color:red} .x{display:none}}</style><p class=x>SECRET</p>",
    "rule joined to its outer one": "<style>p{&.x{@media screen{opacity:0}}}</style><p class=x>SECRET</p>",
    "rule before the rules in it": "<style>.x{display:none; b{color:red}}</style><p class=x>SECRET</p>",
    "rule behind the rules in it": "<style>.x{b{color:red} display:none}</style><p class=x>SECRET</p>",
    "rule without end": "<style>.x{display:none</style><p class=x>SECRET</p>",
    "rule beside a pseudo-element": "<style>p::before, .x[title='a,b']{display:none}</style><p class=x title='a,b'>SECRET</p>",
    "rule that lexbor does not know": "<style>body > :defined:lang(en):not(:popover-open){display:none}</style><p lang=en-GB>SECRET</p>",
    "rule in a scope": "<style>@scope (body){.x{display:none}}</style><p class=x>SECRET</p>",
    "rule after string": "<style>a::after{content:'}'} .x{display:none}</style><p class=x>SECRET</p>",
    "rule after import": "<style>@import 'a'; .x{display:none}</style><p class=x>SECRET</p>",
    "unclosed style": "<p id=x>SECRET</p><style>#x{visibility:hidden}",
    "nested": "<div hidden><div><p>SEC</p><p hidden>RET</p></div></div>",
    "template": "<template><p>SECRET</p></template>",
    "noscript": "<noscript><p>SECRET</p></noscript>",
    "dialog": "<dialog>SECRET</dialog>",
}
NOT_TEXT = [
    "<!-- SECRET -->", "<script>SECRET</script>", "<style>SECRET</style>", "<input value=SECRET>", "<textarea>SECRET</textarea>",
    "<img alt=SECRET>", "<iframe srcdoc=SECRET></iframe>", "<svg><desc>SECRET</desc></svg>", "<object>SECRET</object>",
]  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN)
def test_hidden_text_is_dropped_and_counted(case: str) -> None:
    page = html_text(
        f"<p>before</p>{HIDDEN[case]}<p>after</p>"
        if case != "unclosed style"
        else f"<p>before</p><p>after</p>{HIDDEN[case]}"
    )
    assert page.text == "before\n\nafter"
    assert page.signals["hidden_characters"] == len("SECRET")


@pytest.mark.parametrize("markup", NOT_TEXT)
def test_code_controls_and_foreign_content_are_not_text(markup: str) -> None:
    assert html_text(f"<p>before</p>{markup}<p>after</p>").text == "before\n\nafter"


@pytest.mark.parametrize(
    "style",
    ["opacity:0.5", "opacity:.05", "font-size:0.9em", "left:-10px", "max-height:0.5em", "color:#ff0000", "line-height:1",
     "background:transparent", "border-color:transparent", "margin-left:-20px", "width:100%", "font:10px/20px a"],
)  # fmt: skip
def test_visible_styles_keep_their_text(style: str) -> None:
    assert not hides(style)


def test_print_rules_do_not_hide_on_a_screen() -> None:
    assert hiding_selectors("@media print{.x{display:none}} .y{display:none}") == [".y"]


def test_too_many_hiding_rules_are_refused() -> None:
    with pytest.raises(InvalidEvent, match="HTML_TOO_COMPLEX"):
        hiding_selectors(".x{display:none}" * (HIDING_RULES_MAX + 1))


def test_blocks_lists_and_cells_are_separated() -> None:
    page = html_text(
        "<title> Price\nlist </title><h1>Prices</h1>All <b>oak</b>en\n goods.<ul><li>One<li>Two</ul>"
        "<table><tr><th>Item<th>Price<tr><td>Table<td>340</table>a<br>b<pre>x\n  y</pre>end"
    )
    assert page.text == ("Prices\n\nAll oaken goods.\n\nOne\nTwo\n\nItem | Price\nTable | 340\n\na\nb\n\nx\n  y\n\nend")
    assert page.title == "Price list"


def test_title_falls_back_to_the_first_heading() -> None:
    assert html_text("<h2>Later</h2><h1>First</h1>").title == "First"
    assert html_text("<p>none</p>").title is None


def test_charset_of_the_markup_is_used() -> None:
    assert parse_document(b"<meta charset=windows-1252><p>K\xe4se", "text/html").text == "Käse"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<meta charset=utf-7><p>+ADw-", "ENCODING_INVALID"),
        (b"<p>K\xe4se", "ENCODING_INVALID"),
        (b"<p hidden>all of it</p>", "TEXT_EMPTY"),
        (b"<script>x</script>", "TEXT_EMPTY"),
    ],
)
def test_bad_pages_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse_document(content, "text/html")
    assert caught.value.reason_code == code


def test_surrogate_and_control_references_do_not_reach_the_text() -> None:
    assert parse_document(b"<p>a&#xD800;b&#0;c&#7;d", "text/html").text.replace("\ufffd", "") == "abcd"


def test_a_pseudo_element_hides_no_element() -> None:
    page = html_text("<style>p::before{content:'';display:none} p::after, b:foo{opacity:0}</style><p>Seen.</p>")
    assert page.text == "Seen."
    assert not page.signals["hidden_characters"]


def test_a_rule_for_another_language_hides_nothing() -> None:
    page = html_text(
        '<style>p:lang("de"), :lang(fr) b{display:none}</style><p lang=en>Seen.</p><p lang=de>Ungesehen.</p>'
    )
    assert page.text == "Seen."


def test_a_rule_for_print_does_not_hide_what_is_nested_in_it() -> None:
    assert hiding_selectors("@media print{body{.x{display:none}}}.y{display:none}") == [".y"]


@pytest.mark.parametrize(
    "sheet", ["p{" * 33 + "opacity:0", "p{" + "& & & &{" * 9 + "opacity:0", "b::x," * 501 + "p{opacity:0}"]
)
def test_rules_that_multiply_are_refused(sheet: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        html_text(f"<style>{sheet}</style><p>x</p>")
    assert caught.value.reason_code == "HTML_TOO_COMPLEX"
