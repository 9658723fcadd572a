"""What people write in Slack, as it reads outside of it."""

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.slack.shortcodes import with_emoji
from bridge.core.slack.text import as_typed, mentions, unescaped

NAMES = {"U1": "Bob Stone", "U2": "Ann"}
ODD = st.lists(
    st.sampled_from([*"<>@#!|&;:*_~`^\n -+aU1\ue000", "&lt;", "<@U1>", ":tada:", "https://x.y"]), max_size=12
).map("".join)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hi &amp; &lt;b&gt;, R&amp;D", "Hi & <b>, R&D"),
        ("&amp;lt; is how &lt; is written", "&lt; is how < is written"),
        ("see <https://x.example/a?b=1&amp;c=_d_>", "see https://x.example/a?b=1&c=_d_"),
        ("see <https://x.example/a|our post>!", "see our post https://x.example/a!"),
        ("see <http://example.com|example.com>", "see http://example.com"),
        ("<mailto:a@b.example|a@b.example>, <tel:+49123|+49 123>", "a@b.example, +49123"),
        ("<mailto:a@b.example|write to us>", "write to us a@b.example"),
        ("Thanks <@U1|bob>, <@U2> and <@U9>, all", "Thanks Bob Stone, Ann and, all"),
        ("<@U9|carol> did it", "carol did it"),
        ("<@U9> did <@U8> it", "did it"),
        ("<!here> we are, <!channel>", "we are,"),
        ("by <!subteam^S1|@team> and <!subteam^S2>", "by team and"),
        ("on <!date^1392734382^{date}|18 Feb>", "on 18 Feb"),
        ("in <#C1|news>, not <#C2>", "in #news, not"),
        ("*bold* _it_ ~s~ *_both_*", "bold it s both"),
        ("*see <https://x.example> and <@U2>*", "see https://x.example and Ann"),
        ("2 * 3 * 4, snake_case_name, ~5 or ~6", "2 * 3 * 4, snake_case_name, ~5 or ~6"),
        ("brand-*, *-tiktok, x-*", "brand-*, *-tiktok, x-*"),
        ("call `a_b(*c*) :tada:` now", "call a_b(*c*) :tada: now"),
        ("```\na = *b*\n```", "a = *b*"),
        ("&gt; quoted\n&gt; twice\nand 3 &gt; 2", "quoted\ntwice\nand 3 > 2"),
        ("`<https://x.example|x.example>`", "x.example"),
        ("one\n\ntwo  three", "one\n\ntwo  three"),
        ("a < b, <unknown>", "a < b, <unknown>"),
    ],
)
def test_a_text_reads_as_it_was_meant(written, read):
    assert unescaped(written, NAMES) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (":+1: :-1: :tada::rocket: Launch:tada:", "👍 👎 🎉🚀 Launch🎉"),
        (":thumbsup::skin-tone-3: :wave::skin-tone-6: :man-shrugging::skin-tone-4:", "👍🏼 👋🏿 🤷🏽\u200d♂️"),
        (":tada::skin-tone-3: :skin-tone-2:x", "🎉 :skin-tone-2:x"),
        (
            ":flag-de: :de: :flag-xx: :flag-england:",
            "🇩🇪 🇩🇪 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
        (":male-technologist: :woman-running:", "👨\u200d💻 🏃\u200d♀️"),
        (":simple_smile: :white_check_mark: :100:", "🙂 ✅ 💯"),
        ("We :party-blob: won :our_logo:", "We won"),
        ("Foo::bar::baz(), user:key:value, ::one::", "Foo::bar::baz(), user:key:value, ::one::"),
        ("at 10:30:00, 16:9:2, see:this:there, a::b, 1:100:2", "at 10:30:00, 16:9:2, see:this:there, a::b, 1:100:2"),
        ("https://x.example/:tada:/a :tada:", "https://x.example/:tada:/a 🎉"),
    ],
)
def test_shortcodes_become_emoji_and_unknown_ones_go(written, read):
    assert unescaped(written, {}) == read


def test_a_form_sends_shortcodes_in_plain_text():
    assert as_typed("a < b :tada: https://x.example/:tada: *c*") == "a < b 🎉 https://x.example/:tada: *c*"


def test_a_name_calls_nobody_on_a_network_and_is_one_line():
    names = {"U1": "@nasa", "U2": "Ann @ nasa\n@esa"}

    assert unescaped("<@U1>, <@U2>, <@U3|@x> and <!subteam^S1|@team>", names) == "nasa, Ann nasa esa, x and team"


def test_mentions_are_the_ids_of_people_each_once():
    assert mentions("<@U1> <@W2|x> <@U1> <#C1|n> &lt;@U3&gt;") == ("U1", "W2")


@given(
    st.text(
        alphabet=st.characters(
            exclude_characters="*_~`:>\ue000\ue001\ue002\ue003\ue004\ue005\ue006\0", exclude_categories=("Cs",)
        )
    )
)
def test_what_slack_escapes_comes_back(text):
    """Colons, marks and lines that begin with `>` mean something; everything else is as it was typed."""
    assert unescaped(escape(text, quote=False), {}) == text.strip()


@given(ODD, st.dictionaries(st.just("U1"), st.text()))
def test_no_text_crashes_it_and_no_id_is_left(text, names):
    read = unescaped(text, names)

    assert not re.search("[\ue000-\ue006]", read)
    if "&" not in text and "`" not in text and not names:
        assert "<@" not in read


@given(st.text())
def test_no_text_crashes_the_emoji(text):
    with_emoji(text)
