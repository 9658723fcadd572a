"""`POST /v1/preview`: each step that a payload would go through, and that nothing of it is kept."""

import hmac
from base64 import b64encode

import orjson
import pytest

from bridge.core.hook_rules import Override
from bridge.sources import build
from bridge.sources.generic import GenericConfig
from bridge.sources.ghost import GhostConfig
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

SECRET = "ghost-secret-of-the-blog"
CAPTION = "{{ title }} {{ tags | hashtags(1) }}\n{{ url }}"
BLOG = GhostConfig(
    secret=(SECRET,),
    accounts=("brand-tiktok",),
    caption=CAPTION,
    by_partner={"genviral": Override(content={"tiktok": {"post_mode": "MEDIA_UPLOAD"}})},
)
PLAIN = GenericConfig(secret=("secret-of-zapier",), accounts=("brand-tiktok",))
POST = {
    "id": "p1",
    "title": "Fish &amp; chips",
    "status": "published",
    "html": "<p>Long text</p>",
    "url": "https://blog.example.com/fish/",
    "feature_image": "https://blog.example.com/fish.jpg",
    "tags": [{"name": "Food"}],
    "updated_at": "2025-01-20T11:59:00.000Z",
}
WRONG = "invalid_request"
BODY = orjson.dumps({"post": {"current": POST, "previous": {"status": "draft"}}})


def signed(body: bytes = BODY) -> str:
    stamp = str(int(NOW.timestamp() * 1000))
    return f"sha256={hmac.new(SECRET.encode(), body + stamp.encode(), 'sha256').hexdigest()}, t={stamp}"


@pytest.fixture
async def previews(room):
    """The room with a Ghost blog and a plain source."""
    ingest = room.web.ingest
    ingest.sources = {**ingest.sources, "blog": build("blog", "ghost", BLOG), "plain": build("plain", "generic", PLAIN)}
    ingest._own = {**ingest._own, "blog": BLOG, "plain": PLAIN}
    return room


async def ask(room, **fields):
    answer = await room.call("POST", "/v1/preview", json={"source": "blog", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_step_is_shown_and_nothing_is_kept(previews):
    body = b64encode(BODY).decode()
    told = await ask(previews, body_base64=body, headers={"X-Ghost-Signature": signed()})

    [item] = told["items"]
    assert told["verified"]["genuine"] is True
    assert "x-ghost-signature" in told["verified"]["how"]
    assert (item["intent"], item["outcome"], item["object"]["id"]) == ("publish", "accepted", "p1")
    assert (item["fields"]["title"], item["fields"]["body"]) == ("Fish & chips", "Long text")
    assert item["posts"][0]["faults"] == []
    requests = [post["request"] for post in item["posts"]]
    assert {request["caption"] for request in requests} == {"Fish & chips #Food\nhttps://blog.example.com/fish/"}
    assert (await previews.get("/v1/events"))["items"] == []
    assert (await previews.get("/v1/posts"))["items"] == []


async def test_what_is_nested_too_deep_to_be_written_goes_as_base64(previews):
    body = b'{"source": "plain", "body": ' + b'{"a":' * 600 + b"1" + b"}" * 601
    answer = await previews.call("POST", "/v1/preview", content=body, headers={"Content-Type": "application/json"})

    [fault] = problem(answer, 422, "invalid_request")["errors"]
    assert (fault["field"], fault["problem"]) == ("body", "is nested too deep")


async def test_the_request_shown_is_the_one_that_is_sent(previews):
    body = {"caption": "Hello", "media": "https://cdn.example.com/video.mp4"}
    [item] = (await ask(previews, source="plain", body=body))["items"]
    sent = await previews.call("POST", "/hooks/plain", json=body)
    await previews.work()

    [post] = previews.sim.world.posts.values()
    shown = item["posts"][0]["request"]
    assert sent.status_code == 200
    assert {name: shown[name] for name in ("caption", "media")} == {
        name: post.content[name] for name in ("caption", "media")
    }
    assert [one["id"] for one in shown["accounts"]] == [row.account_id for row in post.rows]


async def test_what_is_not_signed_is_shown_all_the_same(previews):
    told = await ask(previews, body=orjson.loads(BODY))

    assert (told["verified"]["genuine"], told["verified"]["found"]) == (False, "unsigned")
    assert told["items"][0]["outcome"] == "accepted"


async def test_what_would_be_refused_says_why(previews):
    told = await ask(previews, body="{")
    told_of_accounts = await ask(previews, source="plain", body={"caption": "x", "accounts": ["nobody"]})

    assert (told["problem"]["status"], told["items"]) == (400, [])
    assert "nobody" in orjson.dumps(told_of_accounts["items"][0]["warnings"]).decode()


async def test_a_rejected_post_says_field_by_field_what_is_wrong(previews):
    body = {"caption": "x" * 5000, "media": {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"] * 36}}
    [item] = (await ask(previews, source="plain", body=body))["items"]

    [post] = item["posts"]
    assert (post["state"], post["asks"], post["request"]) == ("rejected", None, None)
    assert [(one["field"], one["limit"], one["found"], one["unit"]) for one in post["faults"]] == [
        ("caption", 4000, 5000, "characters"),
        ("media.urls", 35, 36, "images"),
    ]
    assert all(one["problem"] and one["remedy"] for one in post["faults"])


async def test_what_was_posted_is_known(previews):
    headers = {"X-Ghost-Signature": signed(), "Content-Type": "application/json"}
    await previews.call("POST", "/hooks/blog", None, content=BODY, headers=headers)
    [item] = (await ask(previews, body=orjson.loads(BODY)))["items"]

    assert (item["outcome"], item["posts"]) == ("skipped", [])


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"source": "nobody", "body": {}}, ["source"]),
        ({"source": "api", "body": {}}, ["source"]),
        ({"source": "blog"}, ["body"]),
        ({"source": "blog", "body": {}, "body_base64": "e30="}, ["body"]),
        ({"source": "blog", "body_base64": "!"}, ["body_base64"]),
        ({"source": "blog", "body": {}, "headers": {"a": 1}, "bdy": 1}, ["bdy", "headers"]),
        ({"source": "blog", "body": {}, "method": "PATCH"}, ["method"]),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_all_at_once(previews, fields, wrong):
    told = problem(await previews.call("POST", "/v1/preview", json=fields), 422, "invalid_request")

    assert [fault["field"] for fault in told["errors"]] == wrong


@pytest.mark.parametrize(("count", "told"), [(5, "There are: blog, cms-00, "), (60, " and ")])
async def test_the_names_of_sources_that_are_told_are_whole(previews, count, told):
    ingest = previews.web.ingest
    ingest.sources = {**ingest.sources, **{f"cms-{number:02}": ingest.sources["blog"] for number in range(count)}}
    answer = problem(await previews.call("POST", "/v1/preview", json={"source": "nobody", "body": {}}), 422, WRONG)

    [fault] = answer["errors"]
    names, _, more = fault["remedy"].removeprefix("There are: ").rstrip(".").partition(" and ")
    assert told in fault["remedy"]
    assert set(names.split(", ")) <= ingest.sources.keys()
    assert len(names.split(", ")) + int(more.removesuffix(" more") or 0) == count + 2


async def test_only_who_may_publish_may_look(previews):
    assert (await previews.call("POST", "/v1/preview", "reader", json={})).status_code == 403
    assert (await previews.call("POST", "/v1/preview", None, json={})).status_code == 401
