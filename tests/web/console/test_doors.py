"""Who gets in at the console, how a session ends, and what a form must carry."""

from html.parser import HTMLParser

import httpx
import pytest

from bridge.core.sessions import csrf_of, id_of
from bridge.core.tokens import Token, Tokens
from tests.web.console.browser import Browser
from tests.web.room import OPS_SECRET, SEALING_KEY

pytestmark = pytest.mark.anyio


NASTY = """<script>alert(1)</script><img src=x onerror=alert(2)>"' onload=x style=x {{ 7 * 7 }}"""
PAGES = (
    "/console",
    "/console/posts",
    "/console/events",
    "/console/accounts",
    "/console/endpoints",
    "/console/deliveries",
    "/console/dead-letters",
    "/console/replays",
    "/console/preview",
    "/console/sources",
    "/console/audit",
)


class Elements(HTMLParser):
    """What a browser sees in a page: `own_code` runs or styles in place, `loaded` are the elements with an address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.own_code: list[str] = []
        self.loaded: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.own_code += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address is not None:
            self.loaded.add(tag)
            self.own_code += [] if address.startswith("/console/static/") else [f"{tag} {address}"]
        elif tag in ("script", "style", "iframe", "object", "embed"):
            self.own_code.append(tag)


async def knock(browser: Browser, secret: str, onward: str = "") -> httpx.Response:
    """Send the form of the door."""
    query = {"next": onward} if onward else None
    return await browser.client.post("/console/sign-in", params=query, data={"token": secret})


@pytest.mark.parametrize("token", ["reader", "admin", "zapier"])
async def test_a_token_that_may_read_opens_the_door(sign_in, token):
    person = await sign_in(token)

    page = (await person.look("/console/events")).html
    assert f">{token}</span>" in page
    assert ("/console/audit" in page) is (token == "admin")


@pytest.mark.parametrize(
    ("secret", "status", "words"),
    [
        ("wrong", 401, "does not know this token"),
        ("", 401, "Paste one of the tokens"),
        ("secret-of-writer", 403, "may publish, but not read"),
    ],
)
async def test_what_does_not_open_the_door_says_why(stranger, secret, status, words):
    person = stranger()
    answer = await knock(person, secret)

    assert answer.status_code == status
    assert words in answer.text
    assert "set-cookie" not in answer.headers
    if secret:
        assert secret not in answer.text


async def test_whoever_is_not_signed_in_is_sent_to_the_door(stranger):
    person = stranger()
    for path in PAGES:
        answer = await person.client.get(f"{path}?q=1")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/sign-in?next={path}%3Fq%3D1")


async def test_the_cookie_is_for_this_site_alone_and_is_not_the_token(stranger):
    answer = await knock(stranger(), "secret-of-admin")

    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/console", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "admin" not in cookie


async def test_the_cookie_is_not_kept_from_plain_http_where_there_is_nothing_else(room, stranger):
    object.__setattr__(room.web, "public_url", None)
    person = stranger()
    answer = await person.client.post("http://127.0.0.1:8080/console/sign-in", data={"token": "secret-of-admin"})

    assert "Secure" not in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]


async def test_the_store_has_neither_the_token_nor_the_cookie(room, sign_in):
    person = await sign_in("admin")
    cookie = person.client.cookies["bridge_console"]

    session = await room.web.store.desk.session(id_of(cookie), room.clock())
    assert session.token == "admin"
    assert cookie not in repr(session)
    assert "secret-of" not in repr(session)


@pytest.mark.parametrize(
    ("asked", "onward"),
    [
        ("/console/posts?state=failed", "/console/posts?state=failed"),
        ("https://evil.example.com/console", "/console"),
        ("//evil.example.com/console/x", "/console"),
        ("/\\evil.example.com", "/console"),
        ("/console/\\evil", "/console"),
        ("/consolex", "/console"),
        ("/v1/posts", "/console"),
        ("javascript:alert(1)", "/console"),
        ("/console/a\r\nSet-Cookie: a=b", "/console"),
    ],
)
async def test_the_door_leads_nowhere_but_into_the_console(stranger, asked, onward):
    answer = await knock(stranger(), "secret-of-admin", asked)

    assert (answer.status_code, answer.headers["location"]) == (303, onward)


async def test_whoever_is_not_signed_in_is_told_nothing_live(stranger):
    answer = await stranger().client.get("/console/live?of=/console/posts")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_one_who_signs_out_is_out_at_once(sign_in):
    person = await sign_in()
    kept = person.client.cookies["bridge_console"]
    answer = await person.client.post("/console/sign-out")
    person.client.cookies.set("bridge_console", kept, domain="bridge.example.com", path="/console")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    await person.look("/console/events", 303)


async def test_a_session_ends_by_itself(room, sign_in):
    person = await sign_in()
    room.clock.advance(hours=12, seconds=1)

    await person.look("/console/events", 303)


@pytest.mark.parametrize(
    "tokens",
    [
        [("secret-of-reader", Token("reader", frozenset({"read"})))],
        [("another-secret", Token("admin", frozenset({"admin"})))],
    ],
)
async def test_a_session_ends_with_its_token(room, sign_in, tokens):
    person = await sign_in("admin")
    object.__setattr__(room.web, "tokens", Tokens(tokens))

    await person.look("/console/events", 303)


async def test_a_token_that_may_do_less_may_at_once(room, sign_in):
    person = await sign_in("admin")
    tokens = Tokens([("secret-of-admin", Token("admin", frozenset({"read"})))])
    object.__setattr__(room.web, "tokens", tokens)

    await person.look("/console/audit", 403)


async def test_without_a_session_for_the_console_there_is_none(room):
    assert (await room.public.get("/console")).status_code == 404


@pytest.mark.parametrize("csrf", ["", "0" * 64, "é"])
async def test_a_form_that_is_not_of_this_session_is_refused(sign_in, csrf):
    page = await (await sign_in()).send("/console/preview", {"csrf": csrf, "source": "x", "body": "{}"}, 403)

    assert "This form is of another session" in page.text


async def test_a_form_of_another_session_is_refused(sign_in):
    person, other = await sign_in(), await sign_in()
    csrf = csrf_of(other.client.cookies["bridge_console"])

    await person.send("/console/preview", {"csrf": csrf, "source": "x", "body": "{}"}, 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/console/preview", "/console/sign-in", "/console/sign-out"])
async def test_what_another_site_makes_a_browser_send_is_refused(sign_in, path, site):
    person = await sign_in()
    csrf = csrf_of(person.client.cookies["bridge_console"])
    headers = {"Sec-Fetch-Site": site}
    answer = await person.client.post(path, data={"csrf": csrf, "token": "secret-of-admin"}, headers=headers)

    assert answer.status_code == 403
    await person.look("/console/events")


async def test_a_link_of_another_site_comes_in_by_one_turn(stranger):
    answer = await stranger().client.get("/console/posts", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


async def test_there_is_a_page_for_what_is_not_there(sign_in):
    person = await sign_in()

    assert "There is no page at this address" in (await person.look("/console/nothing", 404)).text
    assert "no event" in (await person.look("/console/events/evt_nothing", 404)).text


async def test_no_page_has_a_script_a_style_or_a_secret_of_its_own(room, sign_in):
    post, person = await room.published(caption=NASTY, title=NASTY), await sign_in("admin")
    await room.fail_deliveries()
    for path in (
        *PAGES,
        f"/console/posts/{post['id']}",
        f"/console/events/{post['event_id']}",
        "/console/endpoints/ops",
        "/console/nothing",
    ):
        answer = (await person.look(path, 404 if path == "/console/nothing" else 200)).answer
        assert OPS_SECRET not in answer.text
        assert SEALING_KEY not in answer.text
        found = Elements(answer.text)
        assert not found.own_code, path
        assert found.loaded <= {"script", "img", "link"}, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_one_who_may_only_read_sees_no_button_but_the_way_out(room, sign_in):
    post, person = await room.published(), await sign_in("reader")
    await room.fail_deliveries()
    for path in (
        *PAGES[:-3],
        "/console/sources",
        f"/console/posts/{post['id']}",
        f"/console/events/{post['event_id']}",
    ):
        assert (await person.look(path)).deeds == [], path


async def test_one_who_may_only_read_cannot_do_by_hand_either(room, sign_in):
    post, person = await room.published(), await sign_in("reader")
    page = await person.send(f"/console/posts/{post['id']}/cancel", status=403)

    assert "lacks the scope" in page.text


async def test_coming_and_going_is_written_down(room, sign_in):
    person = await sign_in("admin")
    await person.client.post("/console/sign-out")
    notes = (await room.get("/v1/audit", "admin"))["items"]

    assert [(one["token"], one["via"], one["action"]) for one in notes][:2] == [
        ("admin", "console", "sign_out"),
        ("admin", "console", "sign_in"),
    ]


async def test_what_is_loaded_is_kept_for_good_by_its_content(stranger):
    person = stranger()
    page = (await person.client.get("/console/sign-in")).text
    [address] = [one for one in page.split('"') if one.startswith("/console/static/console.css?")]
    fresh, old = await person.client.get(address), await person.client.get(address.partition("?")[0])

    assert "immutable" in fresh.headers["cache-control"]
    assert "immutable" not in old.headers.get("cache-control", "")
    assert (await person.client.get("/console/static/nothing.css")).status_code == 404
