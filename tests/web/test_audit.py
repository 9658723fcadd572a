"""The audit log: who asks for a change is written down before it is done, and what came of it after."""

import pytest

from bridge.core.errors import StoreBusy
from bridge.web._audit import is_audited
from bridge.web._table import PUBLIC
from tests.web.room import problem

pytestmark = pytest.mark.anyio

ENDPOINT = {"name": "fresh-one", "url": "http://127.0.0.1:9/hook?key=hidden-in-query", "allow_http": True}


async def notes(room, **query):
    return (await room.get("/v1/audit", "admin", params=query))["items"]


def test_whatever_changes_something_is_audited():
    changing = {one.name for one in PUBLIC if one.method != "GET"}
    left_out = {one.name for one in PUBLIC if not is_audited(one) and one.method != "GET"}

    assert left_out == {"publish", "receive_hook", "put_hook", "preview"}
    assert {"retry_post", "create_endpoint", "erase_subject", "stop_replay", "subscribe"} <= changing - left_out


async def test_a_change_is_noted_with_what_was_answered(room):
    post = await room.published()
    answer = await room.call("DELETE", f"/v1/posts/{post['id']}")

    [note] = await notes(room)
    assert (note["token"], note["via"], note["action"], note["subject"]) == ("zapier", "api", "cancel_post", post["id"])
    assert (note["outcome"], note["detail"]) == (answer.status_code, None)


async def test_what_is_refused_is_noted_too(room):
    await room.call("POST", "/v1/posts/post_0000000a/retry")

    [note] = await notes(room)
    assert (note["action"], note["subject"], note["outcome"]) == ("retry_post", "post_0000000a", 404)


async def test_a_name_is_told_once_it_is_that_of_something(room):
    await room.call("POST", "/v1/endpoints/ops/disable", "admin")
    await room.call("POST", "/v1/endpoints/anything-at-all/disable", "admin")

    assert [(one["subject"], one["outcome"]) for one in await notes(room)] == [(None, 404), ("ops", 200)]


async def test_a_post_is_told_by_our_id_of_it(room):
    post = await room.published()
    await room.call("POST", f"/v1/posts/genviral:{post['partner_id']}/retry")

    assert [one["subject"] for one in await notes(room)] == [post["id"]]


async def test_names_of_fields_are_told_and_no_values(room):
    await room.call("POST", "/v1/endpoints", "admin", json=ENDPOINT | {"Any thing": 1})
    answer = await room.call("POST", "/v1/endpoints", "admin", json=ENDPOINT)
    assert answer.status_code == 201, answer.text

    made, refused = await notes(room)
    assert (refused["subject"], refused["outcome"]) == (None, 422)
    assert refused["detail"] == {"fields": ["?", "allow_http", "name", "url"]}
    assert (made["action"], made["subject"], made["outcome"]) == ("create_endpoint", "fresh-one", 201)
    assert made["detail"] == {"fields": ["allow_http", "name", "url"]}


async def test_reading_and_publishing_leave_no_notes(room):
    await room.publish()
    await room.get("/v1/posts")

    assert await notes(room) == []


async def test_notes_are_filtered_and_come_in_pages(room):
    for number in range(3):
        await room.call("POST", f"/v1/posts/post_{number:08}/retry", "admin")
        room.clock.advance(minutes=1)

    page = await room.get("/v1/audit?limit=2", "admin")
    assert [one["subject"] for one in page["items"]] == ["post_00000002", "post_00000001"]
    rest = await room.get(f"/v1/audit?limit=2&before={page['next']}", "admin")
    assert ([one["subject"] for one in rest["items"]], rest["next"]) == (["post_00000000"], None)
    assert [one["subject"] for one in await notes(room, subject="post_00000001")] == ["post_00000001"]
    assert await notes(room, action="drop_post") == await notes(room, token="zapier") == []


async def test_the_audit_log_is_for_admins_and_of_some_accounts_for_their_own_notes(room):
    await room.call("POST", "/v1/posts/post_00000001/retry", "admin")
    await room.call("POST", "/v1/posts/post_00000002/retry", "brand-admin")

    problem(await room.call("GET", "/v1/audit", "reader"), 403, "scope")
    seen = await room.get("/v1/audit", "brand-admin")
    assert [one["subject"] for one in seen["items"]] == ["post_00000002"]


class _Refusing:
    """A desk to which nothing, or no end, can be written."""

    def __init__(self, desk, *, ends_only):
        self._desk, self._ends_only = desk, ends_only

    async def note(self, note):
        if not self._ends_only:
            raise StoreBusy("too much waits to be written")
        await self._desk.note(note)

    async def end_note(self, _id, _outcome, _subject):
        raise StoreBusy("too much waits to be written")


@pytest.mark.parametrize("ends_only", [False, True])
async def test_nothing_is_done_that_cannot_be_noted(room, ends_only):
    post, store = await room.published(), room.web.store
    kept, store.desk = store.desk, _Refusing(store.desk, ends_only=ends_only)
    answer = await room.call("DELETE", f"/v1/posts/{post['id']}")
    store.desk = kept

    commands = [one.kind for one in await store.commands(post["id"])]
    if ends_only:
        assert (answer.status_code, commands) == (202, ["publish", "cancel"])
        assert [one["outcome"] for one in await notes(room)] == [None]
    else:
        problem(answer, 503, "storage_unavailable")
        assert (commands, await notes(room)) == (["publish"], [])
