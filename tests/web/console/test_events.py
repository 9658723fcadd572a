"""Events: what came in and from where, what became of it, and its body for those who may see it."""

import pytest

from bridge.web.console._origin import in_slack
from tests.web.hooks import SECRET, add_source

pytestmark = pytest.mark.anyio

HERE = "/console/events"
NASTY = "<script>alert(1)</script>"


async def come(room, **body):
    """Let a CMS send something; answers the event."""
    if "plain" not in room.web.ingest.sources:
        add_source(room, "plain", "generic", secret=SECRET, accounts=["other-x"])
    headers = {"Authorization": f"Bearer {SECRET}", "X-Event-Id": "their-event"}
    answer = await room.call("POST", "/hooks/plain", None, json={"caption": "Hello"} | body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["event_id"]


async def test_before_the_first_one_it_says_so(sign_in):
    assert "Nothing has come in yet" in (await (await sign_in("reader")).look(HERE)).text


async def test_events_are_listed_and_found(room, sign_in):
    await room.publish(caption="By a program", external_id="theirs-1")
    await come(room, caption="By a blog")
    person = await sign_in("reader")
    page = await person.look(HERE)

    assert page.text.index("By a blog") < page.text.index("By a program")
    assert "api zapier publish" in page.text
    assert "By a blog" not in (await person.look(f"{HERE}?source=api")).text
    assert "By a program" in (await person.look(f"{HERE}?external_id=theirs-1")).text
    assert "No event is like that." in (await person.look(f"{HERE}?state=vanished")).text
    assert "limit" not in (await person.look(f"{HERE}?intent=nothing", 422)).html.partition("<main")[0]


async def test_there_are_pages(room, sign_in):
    for number in range(52):
        await room.publish(caption=f"Number {number}")
    person = await sign_in("reader")
    page = await person.look(f"{HERE}?source=api")
    [older] = [part.partition('"')[0] for part in page.html.split('href="') if "before=" in part.partition('"')[0]]

    assert (await person.look(older.replace("&amp;", "&"))).text.count("Number ") == 2


async def test_an_event_says_from_where_it_is_and_what_became_of_it(room, sign_in):
    event = await come(room, caption="Hello", url="https://www.example.com/hello/")
    page = await (await sign_in("reader")).look(f"{HERE}/{event}")

    assert "the source's own check (plain)" in page.text
    assert 'href="https://www.example.com/hello/" rel="noreferrer"' in page.html
    assert "other-x" in page.text
    assert "What it was mapped to" in page.text
    assert "/console/posts/post_" in page.html


async def test_the_body_is_for_an_admin(room, sign_in):
    event = await come(room, caption="Hello", internal="only-in-the-body")
    reader, admin = await sign_in("reader"), await sign_in("admin")

    assert "only-in-the-body" not in (await reader.look(f"{HERE}/{event}")).html
    page = await admin.look(f"{HERE}/{event}")
    assert '"internal": "only-in-the-body"' in page.text
    assert "Try it in the preview" in page.text
    assert SECRET not in page.html


async def test_what_made_no_post_says_why(room, sign_in):
    event = await come(room, event="comment.created", caption="")
    page = await (await sign_in("reader")).look(f"{HERE}/{event}")

    assert "It made no post." in page.text


async def test_what_came_is_shown_as_text(room, sign_in):
    event = await come(room, id=NASTY, caption=NASTY, title=NASTY, url="javascript:alert(1)", external_id=NASTY)
    person = await sign_in()
    pages = [await person.look(HERE), await person.look(f"{HERE}/{event}")]

    for page in pages:
        assert NASTY not in page.html
        assert "&lt;script&gt;" in page.html
        assert 'href="javascript:' not in page.html


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("C012AB3CD", "https://slack.com/app_redirect?channel=C012AB3CD"),
        ("U012AB3CD", ""),
        ("C0/../x", ""),
        ("", ""),
        ("c012", ""),
    ],
)
def test_a_conversation_in_slack_is_linked(channel, address):
    assert in_slack(channel) == address
