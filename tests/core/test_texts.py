"""Plain text out of HTML, whatever it is."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.texts import address, decoded, line, plain


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p>\n<p>Two <b>bold</b><br />three</p>", "One\n\nTwo bold\nthree"),
        ("<h1>T</h1><ul>\n<li>a</li>\n<li>b</li>\n</ul><div>c</div><div>d</div>", "T\n\na\nb\n\nc\nd"),
        ("<p>a<br><br>b<br><br><br>c</p>", "a\n\nb\n\nc"),
        ("<p>Tom &amp; Jerry&nbsp;&#8217;n&#x2019; &lt;b&gt;</p>", "Tom & Jerry ’n’ <b>"),
        ("<p>&amp;amp; &amp;lt;</p>", "&amp; &lt;"),
        ("<p>&<b>amp;</b></p>", "&amp;"),
        ("a<script>if (a < b) '</p>'</script>b<STYLE>p {}</STYLE >c", "abc"),
        ("a<script>never ends", "a"),
        ("a<script>b</script", "a"),
        ("a</script>b", "ab"),
        ("<!-- wp:paragraph --><p>a</p><!-- /wp -->b<!-- never <p>ends", "a\n\nb"),
        ("<!doctype html><?xml?><p>a</p>", "a"),
        ("<p title=\"a > b\" class='c>'>a</p>", "a"),
        ('<p title="never>a</p>b', "a\n\nb"),
        ("<p it's>a</p>", "a"),
        ("<p>one\n   two\tthree</p>", "one two three"),
        ("# T\r\n\r\n- a\n-  b\n\n\n\n<em>c</em> < d", "# T\n\n- a\n- b\n\nc < d"),
        ("a <b and no more", "a <b and no more"),
        ("a <! and no more", "a <! and no more"),
        ("<p>a < b <3</p>", "a < b <3"),
        ("<p> </p> <p></p>", ""),
        ("&#" + "9" * 5000 + "; &#xFFFFFFFFF; &#0; &nope;", "\ufffd \ufffd \ufffd &nope;"),
        ("", ""),
    ],
)
def test_html_becomes_text_with_its_paragraphs(html, text):
    assert plain(html) == text


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("A <em>great</em>\n day &#038; night", "A great day & night"),
        ("Vec<String> &lt;b&gt; in <p>Rust</p>", "Vec<String> <b> in Rust"),
        ("The <script> tag", "The <script> tag"),
        ("a<script>b</script>c", "ac"),
    ],
)
def test_a_title_is_one_line_that_keeps_what_only_looks_like_a_tag(title, text):
    assert line(title) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" https://a.example/?a=1&amp;b=2&#038;c=3&#x26;copy=4 ", "https://a.example/?a=1&b=2&c=3&copy=4"),
        ("https://a.example/?a=1&copy=2&lt;", "https://a.example/?a=1&copy=2&lt;"),
        ("/a b.jpg", "/a%20b.jpg"),
    ],
)
def test_of_an_address_only_the_ampersands_are_decoded(written, meant):
    assert address(written) == meant


MARKS = ["<", ">", "</", "<p>", "</p>", "<br/>", "<script>", "</script>", "<!--", "-->", "<a href=", "<![CDATA["]
PIECES = st.sampled_from([*MARKS, "&", "&amp;", "&#", "9", '"', "'", "=", " ", "\n", "a", "ü"])
TEXTS = st.text() | st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS)
def test_no_text_fails_and_what_comes_out_is_tidy(text):
    for found in (plain(text), line(text)):
        assert found == found.strip()
        assert "  " not in found.replace("\n", "")
        assert "\n\n\n" not in found
    assert "\n" not in line(text)
    assert isinstance(decoded(text), str)


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_text_without_marks_keeps_its_words(text):
    assert plain(text).split() == text.split()


HOSTILE = (
    *("<", "<a", "<a>", "<script>", "</script", "<!--", '<a b="', "<a = ", "<a b='\">", "&#", "&#9", "9", "<p>x</p>"),
    *("\n \n", "<br>", "&amp;", "=", "<!a", "= "),
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece):
    """Sixteen times the text may take up to 40 times as long; 256 times would be its square."""
    small, large = (_cost(piece, size) for size in (1_000_000 // 16, 1_000_000))

    assert large < max(40 * small, 0.1)


def _cost(piece: str, size: int) -> float:
    text = "&#" * (piece == "9") + piece * (size // len(piece))
    begun = process_time()
    plain(text)
    line(text)
    return process_time() - begun
