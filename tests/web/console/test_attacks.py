"""What people, senders and programs try that nobody meant them to: it is refused, or shown as what it is."""

import pytest

from bridge.core.errors import FailureReason
from bridge.web.console._sessions import own_path
from bridge.web.console._words import keyless, lines, outward
from tests.web.console.test_doors import PAGES

pytestmark = pytest.mark.anyio

THEIRS = "Nobody else may read this"
SIGNED = "https://cdn.example.com/video.mp4?X-Amz-Signature=let-me-in&v=1"


async def test_no_address_leads_out_or_breaks_the_door(stranger):
    for path in (
        "//[",
        "http://[::1",
        "/console/../v1/posts",
        "/console/%2e%2e/v1/posts",
        "/console/%2E./v1",
        "/console/./x",
        "/console\t/x",
        "///evil.example.com",
    ):
        assert own_path(path) == "/console"
    person = stranger()
    form = await person.client.get("/console/sign-in?next=//[")
    answer = await person.client.post("/console/sign-in?next=//[", data={"token": "secret-of-admin"})
    assert (form.status_code, answer.headers["location"]) == (200, "/console")


@pytest.mark.parametrize("path", ["/console/posts?q=caf%C3%A9&since=2026-01-31+12:00", "/console/posts?q=..#x"])
async def test_one_comes_back_to_what_was_asked_for(stranger, path):
    answer = await stranger().client.post("/console/sign-in", params={"next": path}, data={"token": "secret-of-admin"})

    assert answer.headers["location"] == path


@pytest.mark.parametrize(("sent", "status"), [(b"token=\xff\xfe", 401), (b"token=" + b"x" * 20_000, 413), (b"\0", 401)])
async def test_what_is_no_form_at_the_door_is_told_as_a_page(stranger, sent, status):
    answer = await stranger().client.post("/console/sign-in", content=sent)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_form_that_leads_back_to_nowhere_leads_to_the_beginning(sign_in):
    page = await (await sign_in()).send("/console/causes/source:x/close", {"back": "//["}, 404)

    assert "no open cause" in page.text.lower() or "There is no" in page.text


async def test_one_slash_too_many_leads_to_the_page(sign_in):
    person = await sign_in()
    for path, there in (("/console/", "/console"), ("/console/posts/", "/console/posts")):
        answer = await person.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, there)


async def test_who_asks_for_the_head_of_what_is_live_is_not_kept(sign_in):
    answer = await (await sign_in()).client.head("/console/live?of=/console")

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://www.tiktok.com/@brand/video/1", "https://www.tiktok.com/@brand/video/1"),
        ("javascript:alert(1)", ""),
        (" javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//evil.example.com", ""),
        ("http://[", ""),
        (None, ""),
    ],
)
async def test_only_addresses_of_the_web_are_links(address, link):
    assert outward(address) == link


async def test_a_partner_cannot_make_a_link_that_runs(room, sign_in):
    post = await room.published()
    found = (await room.web.store.posts({post["id"]}))[post["id"]]
    object.__setattr__(found.targets[0], "url", "javascript:alert(1)")
    person = await sign_in("reader")
    await room.look()

    assert "javascript:" not in (await person.look(f"/console/posts/{post['id']}")).html


async def test_what_opens_a_signed_link_is_not_shown(room, sign_in):
    post = await room.published(media=SIGNED)
    await room.fail_deliveries()
    person = await sign_in("admin")
    paths = [f"/console/posts/{post['id']}", f"/console/events/{post['event_id']}"]
    deliveries = (await room.get("/v1/deliveries", "admin"))["items"]
    paths += [f"/console/deliveries/{one['id']}" for one in deliveries[:2]]
    for path in paths:
        assert "let-me-in" not in (await person.look(path)).html, path


async def test_links_keep_what_is_no_key():
    assert keyless("https://x.example.com/watch?v=abc&monkey=2") == "https://x.example.com/watch?v=abc&monkey=2"
    assert keyless("?access_token=a&x=1&sig=b") == "?access_token=***&x=1&sig=***"


async def test_what_lies_too_deep_is_named():
    assert "too deep" in lines('{"a":' + "[" * 900 + "]" * 900 + "}")


@pytest.mark.parametrize("token", ["brand", "brand-admin"])
async def test_a_token_for_some_accounts_sees_nothing_of_others_on_any_page(room, sign_in, token):
    post = await room.published(caption=THEIRS, accounts=["other-x"], token="zapier")
    await room.fail_deliveries(FailureReason.EXHAUSTED)
    deliveries = [one["id"] for one in (await room.get("/v1/deliveries", "admin"))["items"]]
    assert deliveries
    person = await sign_in(token)
    for path in (*PAGES, f"/console/posts?q={post['id']}", "/console/events?source=api"):
        answer = await person.client.get(path)
        assert answer.status_code in (200, 403), path
        assert THEIRS not in answer.text, path
        assert post["event_id"] not in answer.text, path
    hidden = [f"/console/posts/{post['id']}", f"/console/events/{post['event_id']}"]
    for path in (*hidden, *(f"/console/deliveries/{one}" for one in deliveries)):
        answer = await person.client.get(path)
        assert answer.status_code in (403, 404), path
        assert THEIRS not in answer.text, path


async def test_a_token_for_some_accounts_is_offered_no_replay(room, sign_in):
    post = await room.published()
    await room.fail_deliveries()
    person = await sign_in("brand-admin")

    assert (await person.look("/console/dead-letters")).deeds == []
    assert "Replay deliveries" not in (await person.look(f"/console/posts/{post['id']}")).text


async def test_a_token_for_some_accounts_lets_not_all_of_a_source_go(sign_in):
    person = await sign_in("brand-admin")

    assert "for all accounts" in (await person.send("/console/causes/source:plain/close", status=403)).text
