"""Preview: each step of a payload on a page, what was typed is kept, and nothing is stored or sent."""

import hmac

import orjson
import pytest

from bridge.web.console._examples import EXAMPLES
from tests.web.hooks import NEEDED, SECRET, add_source
from tests.web.room import NOW

pytestmark = pytest.mark.anyio

HERE = "/console/preview"
GHOST = EXAMPLES["ghost"].body
NASTY = "</textarea><script>alert(1)</script>"
GOOD = {"accepted", "tested", "needs_fetch"}


@pytest.fixture
def blog(room):
    caption = "{{ title }}\n{{ url }}"
    add_source(room, "blog", "ghost", secret=SECRET, accounts=["other-x"], caption=caption)
    return room


async def asked(browser, status=200, **fields):
    return await browser.send(HERE, {"source": "blog", "body": GHOST, **fields}, status)


async def test_without_a_source_it_says_what_to_do(sign_in):
    page = await (await sign_in()).look(HERE)

    assert "There is no source yet" in page.text
    assert page.deeds == []


async def test_each_step_is_shown_up_to_the_exact_request(blog, sign_in):
    page = await asked(await sign_in())

    for words in (
        "It carries no proof of who sent it",
        "Their id 63ac5fa9b8f1bb0a6c43f2cd",
        "What it is mapped to",
        "It is taken.",
        "What genviral would be told",
        "POST /posts",
        '"caption": "Our summer menu is here\\nhttps://www.example.com/summer-menu/"',
        "other-x (x)",
    ):
        assert words in page.text, words
    assert (await blog.get("/v1/posts"))["items"] == []
    assert (await blog.get("/v1/events"))["items"] == []


async def test_what_a_form_came_to_is_not_changed_under_ones_eyes(blog, sign_in):
    person = await sign_in()

    assert "data-live" not in (await asked(person)).html
    assert "data-live" in (await person.look(HERE)).html


async def test_a_signature_is_checked_as_it_was_pasted(blog, sign_in):
    stamp = str(int(NOW.timestamp() * 1000))
    digest = hmac.digest(SECRET.encode(), GHOST.encode() + stamp.encode(), "sha256").hex()
    person = await sign_in()
    good = await asked(person, headers=f"X-Ghost-Signature: sha256={digest}, t={stamp}\r\n")
    bad = await asked(person, headers=f"X-Ghost-Signature: sha256={'0' * 64}, t={stamp}")

    assert "It is genuine." in good.text
    assert "Its proof does not fit" in bad.text


async def test_a_browser_sends_line_ends_of_its_own(blog, sign_in):
    stamp = str(int(NOW.timestamp() * 1000))
    digest = hmac.digest(SECRET.encode(), GHOST.encode() + stamp.encode(), "sha256").hex()
    headers = f"X-Ghost-Signature: sha256={digest}, t={stamp}"
    page = await asked(await sign_in(), body=GHOST.replace("\n", "\r\n"), headers=headers)

    assert "It is genuine." in page.text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"source": "nobody"}, 422, "names no configured source"),
        ({"headers": "no header"}, 422, "is not a header"),
        ({"method": "DELETE"}, 422, "is not what it sends"),
        ({"body": "{"}, 200, "It cannot be read (400)"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(blog, sign_in, fields, status, words):
    page = await asked(await sign_in(), status, **{"query": "event=kept-in-the-form", **fields})

    assert words in page.text
    assert 'value="event=kept-in-the-form"' in page.html
    assert "</textarea>" in page.html


async def test_what_would_be_refused_says_why(blog, sign_in):
    add_source(blog, "plain", "generic", secret=SECRET, accounts=["other-x"])
    person = await sign_in()
    rejected = await asked(person, source="plain", body=orjson.dumps({"caption": "x" * 5000}).decode())
    unknown = await asked(person, source="plain", body='{"caption": "x", "accounts": ["nobody"]}')

    assert "It would be refused:" in rejected.text
    assert "nobody" in unknown.text


async def test_what_is_pasted_is_shown_as_text(blog, sign_in):
    payload = orjson.loads(GHOST)
    payload["post"]["current"]["title"] = NASTY
    page = await asked(await sign_in(), body=orjson.dumps(payload).decode(), headers=f"X-A: {NASTY}", query=NASTY)

    assert "<script>alert" not in page.html
    assert "&lt;script&gt;alert(1)" in page.html


async def test_an_example_is_one_click_away(blog, sign_in):
    page = await (await sign_in()).look(f"{HERE}?source=blog&example=1")

    assert "Our summer menu is here" in page.text
    assert '<option value="blog" selected>' in page.html
    assert f"{HERE}?source=blog&amp;example=1" in page.html


async def test_an_event_that_came_in_can_be_tried_again(blog, sign_in):
    add_source(blog, "plain", "generic", secret=SECRET, accounts=["other-x"])
    body = {"caption": "Kept as it came"}
    await blog.call("POST", "/hooks/plain", None, json=body, headers={"Authorization": f"Bearer {SECRET}"})
    [event] = (await blog.get("/v1/events"))["items"]
    person = await sign_in()
    shown = await person.look(f"/console/events/{event['id']}")
    page = await person.look(f"{HERE}?event={event['id']}")

    assert f"{HERE}?event={event['id']}" in shown.html
    assert "Kept as it came" in page.text
    assert '<option value="plain" selected>' in page.html
    assert SECRET not in page.html


async def test_it_is_for_those_who_may_publish(blog, sign_in):
    reader = await sign_in("reader")
    page = await reader.look(HERE, 403)
    await asked(reader, 403)

    assert "lacks the scope 'publish'" in page.text
    assert f'href="{HERE}"' not in page.html


async def test_the_example_of_every_kind_is_read_as_what_it_is(room, sign_in):
    person = await sign_in()
    for kind in EXAMPLES:
        more = {"mode": "http"} if kind == "slack" else {}
        more |= {"caption": "{{ title }}"} if kind in ("hubspot", "contentful", "sanity") else {}
        add_source(room, kind, kind, **{"accounts": ["other-x"], **NEEDED.get(kind, {}), "secret": SECRET, **more})
    for kind, example in EXAMPLES.items():
        fields = {"source": kind, "body": example.body, "headers": example.headers, "query": example.query}
        given = dict(line.split(": ", 1) for line in example.headers.splitlines())
        told = (await room.call("POST", "/v1/preview", json={**fields, "headers": given})).json()
        assert told["problem"] is None, kind
        assert {item["outcome"] for item in told["items"]} <= GOOD, (kind, told["items"])
        assert told["items"], kind
        await person.send(HERE, fields)
