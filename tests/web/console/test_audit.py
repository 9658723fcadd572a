"""Audit: who asked for which change, by which way, and what came of it; for an admin alone."""

import pytest

from bridge.core.auditing import Note
from tests.web.room import NOW

pytestmark = pytest.mark.anyio

HERE = "/console/audit"
NASTY = "<script>alert(1)</script>"


async def note(room, number=1, **fields):
    given = {"token": "admin", "via": "api", "action": "retry_post", "subject": "post_1", "outcome": 202} | fields
    await room.web.store.desk.note(Note(id=f"aud_9{number:07d}", at=NOW, **given))


async def test_it_is_for_an_admin_alone(sign_in):
    reader = await sign_in("reader")
    page = await reader.look(HERE, 403)

    assert "lacks the scope 'admin'" in page.text
    assert f'href="{HERE}"' not in page.html


async def test_whoever_looks_is_there_himself(sign_in):
    page = await (await sign_in()).look(HERE)

    assert "admin by the console signed in" in page.text


@pytest.mark.parametrize(
    ("fields", "words", "href"),
    [
        ({}, "tried a post again post_1 done", "/console/posts/post_1"),
        ({"outcome": 409}, "refused (409)", "/console/posts/post_1"),
        ({"outcome": None}, "not known: it goes on, or was cut off", "/console/posts/post_1"),
        ({"action": "rotate_secret", "subject": "ops"}, "gave an endpoint a new secret ops", "/console/endpoints/ops"),
        ({"action": "delete_endpoint", "subject": "ops"}, "removed an endpoint ops", ""),
        ({"action": "stop_replay", "subject": "rpl_1"}, "stopped sending again", "/console/replays/rpl_1"),
        ({"action": "something_new", "subject": "a b"}, "something new a b", ""),
        ({"via": "slack", "token": "U1"}, "U1 by Slack", "/console/posts/post_1"),
        ({"detail": {"fields": ["caption", "url"]}}, "caption, url", "/console/posts/post_1"),
    ],
)
async def test_a_note_is_a_sentence_that_leads_on(room, sign_in, fields, words, href):
    await note(room, **fields)
    page = await (await sign_in()).look(f"{HERE}?subject={fields.get('subject', 'post_1')}")

    assert words in page.text
    assert (f'href="{href}"' in page.html) if href else ('<td data-name="Of what"><a' not in page.html)


async def test_notes_are_found_by_who_and_what_and_when(room, sign_in):
    await note(room, 1, token="zapier")
    await note(room, 2, action="drop_post")
    person = await sign_in()

    assert "zapier" in (await person.look(f"{HERE}?token=zapier")).text
    assert "dropped a parked post post_1" in (await person.look(f"{HERE}?action=drop_post")).text
    assert "Nobody asked for anything like that." in (await person.look(f"{HERE}?token=nobody")).text
    assert "Nobody asked" in (await person.look(f"{HERE}?until=2020-01-01T00:00Z")).text
    assert "since" in (await person.look(f"{HERE}?since=yesterday", 422)).text


async def test_there_are_pages(room, sign_in):
    for number in range(60):
        await note(room, number, subject=f"post_{number}")
    person = await sign_in()
    page = await person.look(f"{HERE}?action=retry_post")
    [older] = [part.partition('"')[0] for part in page.html.split('href="') if "before=" in part.partition('"')[0]]
    second = await person.look(older.replace("&amp;", "&"))

    assert "/console/audit?action=retry_post&amp;before=" in older
    assert second.text.count("tried a post again") == 10
    assert ">Newest</a>" in second.html


async def test_what_is_noted_is_shown_as_text(room, sign_in):
    await note(room, token=NASTY, subject=NASTY, detail={"fields": [NASTY]})
    page = await (await sign_in()).look(HERE)

    assert NASTY not in page.html
    assert page.html.count("&lt;script&gt;") >= 3
