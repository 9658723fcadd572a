"""What people write after `/publish`: each part is known by what it looks like, and nothing is guessed in silence."""

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.request import parse_request
from bridge.core.slack.command import is_help, read_command, usage, with_link
from bridge.core.slack.text import commanded
from tests.core.builders import problem_of

NOW = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)
TOMORROW = {"scheduled_at": "2026-11-26T09:00:00", "timezone": "Europe/Berlin"}
LINK = "https://example.com/a"


def read(text: str):
    return read_command(text, now=NOW, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Hello", {"caption": "Hello"}),
        (
            f"Hello | {LINK} | a, b | tomorrow 9am",
            {"caption": "Hello", "url": LINK, "accounts": ["a", "b"], **TOMORROW},
        ),
        (f"Hello|tomorrow 9am|a,b|{LINK}", {"caption": "Hello", "url": LINK, "accounts": ["a", "b"], **TOMORROW}),
        ("One\ntwo\n\nthree | @a @b", {"caption": "One\ntwo\n\nthree", "accounts": ["a", "b"]}),
        (r"a \| b | x", {"caption": "a | b", "accounts": ["x"]}),
        ("Hi | again", {"caption": "Hi", "dedupe": False}),
        ("Hi | now", {"caption": "Hi"}),
        ("Hi | | accounts: | time:", {"caption": "Hi"}),
        ("Hi | in 2h", {"caption": "Hi", "scheduled_at": "2026-11-25T18:30:00+00:00"}),
        (
            "Hi | brand-* | 18:00",
            {"caption": "Hi", "accounts": ["brand-*"], **TOMORROW, "scheduled_at": "2026-11-25T18:00:00"},
        ),
        ("Hi | “Brand Facebook” x", {"caption": "Hi", "accounts": ["Brand Facebook", "x"]}),
        ("Hi | Brand Facebook, Brand X", {"caption": "Hi", "accounts": ["Brand Facebook", "Brand X"]}),
        ("Hi | a and b & c | a", {"caption": "Hi", "accounts": ["a", "b", "c"]}),
        ("Hi | sun-brand, today-news", {"caption": "Hi", "accounts": ["sun-brand", "today-news"]}),
        ("Hi | my.brand", {"caption": "Hi", "accounts": ["my.brand"]}),
        (
            "Hi | https://x.y/1.PNG?a=1 https://x.y/2.jpg",
            {"caption": "Hi", "media": ["https://x.y/1.PNG?a=1", "https://x.y/2.jpg"]},
        ),
        ("Hi | https://x.y/1.mp4", {"caption": "Hi", "media": ["https://x.y/1.mp4"]}),
        ("Hi | image: https://x.y/1", {"caption": "Hi", "media": {"type": "slideshow", "urls": ["https://x.y/1"]}}),
        ("Hi | video: https://x.y/1", {"caption": "Hi", "media": {"type": "video", "url": "https://x.y/1"}}),
        ("Hi | www.example.com", {"caption": "Hi", "url": "https://www.example.com"}),
        ("Hi | example.com/a", {"caption": "Hi", "url": "https://example.com/a"}),
        (f"Hi | {LINK}, https://x.y/1.png", {"caption": "Hi", "url": LINK, "media": ["https://x.y/1.png"]}),
        (
            "Hi | https://x.y/1.png,https://x.y/2.png and www.example.com/3.png",
            {"caption": "Hi", "media": ["https://x.y/1.png", "https://x.y/2.png", "https://www.example.com/3.png"]},
        ),
        (f"{LINK} | x", {"url": LINK, "accounts": ["x"]}),
        (
            f"Accounts: a, b | caption: Hi | Link: {LINK} | time: tomorrow 9am",
            {"caption": "Hi", "url": LINK, "accounts": ["a", "b"], **TOMORROW},
        ),
        ("To: everybody who asked | a", {"caption": "To: everybody who asked", "accounts": ["a"]}),
        ("Image: a new one | a", {"caption": "Image: a new one", "accounts": ["a"]}),
        ("Hi | title: A title", {"caption": "Hi", "title": "A title"}),
    ],
)
def test_each_part_is_known_by_what_it_looks_like(text, fields):
    assert read(text) == fields


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Hi | tomorow 9am", "scheduled_at"),
        ("Hi | friday", "scheduled_at"),
        ("Hi | time: whenever", "scheduled_at"),
        ("Hi | 18:00 | 19:00", "scheduled_at"),
        ("Hi | 03/04/2031 09:00", "scheduled_at"),
        ("Hi | https://a.b | https://c.d", "url"),
        ("Hi | caption: Ho", "caption"),
        (f"Hi | our page {LINK}", "url"),
        (f"Hi | brand-x {LINK} in 5h", "url"),
        (f"Hi | url: {LINK} brand-x", "url"),
        (f"Hi | link: {LINK} https://c.d", "url"),
        ("Hi | image: https://x.y/1.png in 2h", "url"),
        (f"Hi | brand-x, {LINK}, tomorrow 9am", "url"),
        ("Hi" + " | a" * 12, "text"),
        ("Hi | " + ", ".join(f"brand-{one}" for one in range(101)), "accounts"),
    ],
)
def test_what_is_not_plain_is_refused(text, field):
    problem = problem_of(lambda: read(text))

    assert (problem.status, problem.errors[0].field) == (422, field)
    assert len(problem.detail) < 250


NAMES = {"U1": "Ann | Sales", "U2": "10:30", "U3": "https://evil.example/x.png", "U4": "again", "U5": "accounts: x"}


@pytest.mark.parametrize(
    ("written", "caption"),
    [
        ("Thanks <@U1> for this", "Thanks Ann | Sales for this"),
        ("<@U3>", "https://evil.example/x.png"),
        ("<@U5>", "accounts: x"),
        ("<https://x.example/p|Title | in 2h> it is", "Title | in 2h https://x.example/p it is"),
        ("In <#C1|a | now>", "In #a | now"),
        ("From <!date^1^{date}|18:00 | b> on", "From 18:00 | b on"),
        ("`<@U1|a | b>` <!subteam^S1|@x | y>", "a | b x | y"),
        ("caption: <@U1>", "Ann | Sales"),
    ],
)
def test_what_slack_puts_in_for_an_id_is_text_of_the_caption_and_nothing_else(written, caption):
    assert read(commanded(f"{written} | brand-x", NAMES)) == {"caption": caption, "accounts": ["brand-x"]}


@pytest.mark.parametrize("part", ["<@U2>", "<@U3>", "<@U4>", "<@U5>", "accounts: <@U1>", "time: <@U2>", "<#C1|a>"])
def test_a_person_or_a_channel_names_neither_accounts_nor_a_time(part):
    problem = problem_of(lambda: read(commanded(f"Hi | {part}", NAMES)))

    assert "in the caption only" in problem.errors[0].remedy


def test_a_link_with_a_label_is_its_address_where_no_text_belongs():
    fields = read(commanded("Hi | <https://x.example/p|Our | page> | image: <https://x.example/a|a.png>", {}))

    assert (fields["url"], fields["media"]["urls"]) == ("https://x.example/p", ["https://x.example/a"])


WORST = {
    "bars": "a|" * 20_000,
    "words": "Hi" + " | tomorrowish and so on it goes with words" * 900,
    "times": "Hi | " + "1:1 " * 10_000,
    "addresses": "Hi | " + "https://a.b/c.png " * 2_000,
    "short parts": "Hi" + " | 2031 may 5 at 9.30 x" * 11,
}


@pytest.mark.parametrize("name", WORST)
def test_a_long_text_is_no_more_work_than_its_words(name):
    """Counted are calls, of Python and of C: the time of a run depends on the machine."""
    text, calls = WORST[name], 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    problem_of(lambda: read("Hi | 18:00"))  # What is loaded once is not of the text.
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        problem_of(lambda: read(text))
    finally:
        sys.setprofile(before)
    assert calls < 30_000


def test_help_is_short_and_its_example_can_be_read():
    how = usage("/publish")

    assert len(how) < 250
    assert read(how.partition("Example: /publish ")[2]).keys() == {"caption", "url", "accounts", *TOMORROW}
    assert [word for word in ("", " Help", "?", "help me | x") if is_help(word)] == ["", " Help", "?"]


@pytest.mark.parametrize(
    ("fields", "caption"),
    [
        ({"caption": "Hi ", "url": LINK}, f"Hi\n{LINK}"),
        ({"caption": f"Hi {LINK}", "url": LINK}, f"Hi {LINK}"),
        ({"caption": "Hi"}, "Hi"),
        ({"url": LINK}, None),
    ],
)
def test_a_caption_has_its_link(fields, caption):
    assert with_link(fields).get("caption") == caption


PARTS = st.sampled_from(
    ["|", "\\|", " ", "a", "image:", "time:", "https://x.y", ".png", "18:00", '"', ",", "again", "\n", "@"]
)


@given(st.lists(PARTS, max_size=12).map("".join) | st.text())
def test_no_text_crashes_it_and_what_it_reads_can_be_judged(text):
    problem = problem_of(lambda: parse_request(read(text)))

    assert problem is None or problem.status == 422
