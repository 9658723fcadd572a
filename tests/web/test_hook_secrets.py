"""A secret that stands in the body of a request: it is stored nowhere, so that nobody is shown it."""

import pytest

from tests.web.hooks import add_source

pytestmark = pytest.mark.anyio

SECRET_BODIES = {
    "prismic": (
        "prismic",
        b'{"type": "api-update", "secret": "s3cret\\/of prismic", "masterRef": "r", "documents": ["X1"]}',
    ),
    "prismic test": ("prismic", b'{"type": "test-trigger", "secret": "s3cret/of prismic"}'),
    "generic": ("generic", b'[{"key": "s3cret/of prismic", "title": "Hello", "id": "1"}]'),
    "generic form": ("generic", b"title=Hello&key=s3cret%2Fof+prismic"),
}


@pytest.mark.parametrize("name", SECRET_BODIES)
async def test_a_secret_that_comes_in_a_body_is_shown_to_nobody(room, name):
    kind, body = SECRET_BODIES[name]
    auth = {} if kind == "prismic" else {"auth": "body:key"}
    add_source(room, "cms", kind, secret="s3cret/of prismic", accounts=["brand-tiktok"], **auth)
    form = {"content-type": "application/x-www-form-urlencoded" if body.startswith(b"title") else "application/json"}
    answer = await room.public.post("/hooks/cms", content=body, headers=form)
    assert answer.status_code == 200, answer.text

    [listed] = (await room.get("/v1/events?source=cms", "admin"))["items"]
    shown = await room.get(f"/v1/events/{listed['id']}", "admin")
    stored, _ = await room.web.store.event(listed["id"])
    assert "redacted" in shown["body"]["text"]
    for told in (answer.text, repr(listed), repr(shown), repr(stored)):
        assert "s3cret" not in told
