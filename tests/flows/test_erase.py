"""Erasing what a CMS said: all it said of one object goes, for who may see it, once nothing is worked on."""

from dataclasses import replace

import pytest

from bridge.core.errors import Problem, StoreOvertaken
from bridge.core.model import Post, PostState, Write
from bridge.core.tokens import Token
from bridge.flows.act import Actions
from bridge.flows.erase import erase
from tests.flows.test_ingest_items import a_cms as items_cms
from tests.flows.test_ingest_items import send, thing
from tests.flows.test_ingest_objects import IN_AN_HOUR, a_cms, posted, row_of, say

pytestmark = pytest.mark.anyio

ADMIN = Token("admin", frozenset({"admin"}))
BRAND = Token("brand", frozenset({"admin"}), ("brand-*",))
NOBODY = Token("nobody", frozenset({"admin"}), ("nobody-*",))


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms(repeat="update"))


async def corrected(cms) -> tuple[Post, str]:
    """A post that was changed by a later event before it went out, and the id of that event."""
    first = await say(cms, "schedule", at=IN_AN_HOUR.isoformat(), title="Aardvarkish original")
    await cms.work()
    second = await say(cms, "schedule", rev="2", at=IN_AN_HOUR.isoformat(), title="Quetzalcoatl corrected")
    await cms.work()
    await cms.advance(75)
    post = await cms.post(first.posts[0].id)
    assert (second.outcome, post.state, post.ended_at is not None) == ("changed", PostState.POSTED, True)
    return post, second.accepted.event_id


def left(file):
    """The words of ours that the database still keeps on disk."""
    raw = b"".join(path.read_bytes() for path in file.parent.iterdir())
    return [word for word in (b"Aardvarkish", b"Quetzalcoatl") if word in raw]


async def refusal(cms, subject_id, caller):
    with pytest.raises(Problem) as refused:
        await erase(cms.kit, subject_id, caller)
    return refused.value


@pytest.mark.parametrize("which", ["post", "its event", "the event that changed it"])
async def test_what_a_later_event_said_of_a_post_goes_with_it(cms, file, which):
    post, changed_by = await corrected(cms)
    assert len(left(file)) == 2

    subject = {"post": post.id, "its event": post.event_id, "the event that changed it": changed_by}[which]
    erased = await erase(cms.kit, subject, ADMIN)

    assert (erased["events"], erased["posts"], left(file)) == (2, 1, [])
    assert (await cms.post(post.id)).content == {}
    assert (await row_of(cms)).event_id == post.event_id


async def test_an_edit_over_the_api_is_kept_nowhere(cms, file):
    first = await say(cms, "schedule", at=IN_AN_HOUR.isoformat(), title="Aardvarkish original")
    await cms.work()
    await Actions(cms.kit).edit(first.posts[0].id, {"caption": "Quetzalcoatl corrected"}, ADMIN.accounts)
    await cms.work()
    await cms.advance(75)

    await erase(cms.kit, first.posts[0].id, ADMIN)

    assert left(file) == []


@pytest.mark.parametrize("named", [True, False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("which", [0, 1])
async def test_what_else_a_request_said_stays(build_town, file, which, named):
    words = ("Aardvarkish", "Quetzalcoatl")
    cms = await build_town(hooks=items_cms())
    results = await send(cms, *(thing(word, **({"id": word[:1], "rev": "1"} if named else {})) for word in words))
    await ended(cms)

    erased = await erase(cms.kit, results[which].posts[0].id, ADMIN)

    assert (erased["events"], erased["posts"]) == (1, 1)
    assert left(file) == [words[1 - which].encode()]
    assert (await cms.post(results[1 - which].posts[0].id)).content


async def test_an_event_without_an_object_takes_none_along(cms):
    innocent = await say(cms, id="None", title="Innocent story")
    guilty = await say(cms, id=None, title="Guilty story")
    await ended(cms)

    erased = await erase(cms.kit, guilty.accepted.event_id, ADMIN)

    assert (erased["events"], erased["posts"]) == (1, 1)
    assert (await cms.post(innocent.posts[0].id)).content


async def ended(cms):
    for _ in range(2):
        await cms.work()
        await cms.advance(85)


async def test_who_may_not_see_an_event_may_not_erase_it(cms, file):
    post, changed_by = await corrected(cms)

    for subject, caller in ((changed_by, NOBODY), (post.event_id, NOBODY), (post.id, NOBODY), (changed_by, BRAND)):
        assert (await refusal(cms, subject, caller)).slug == "no_such_subject"
    assert len(left(file)) == 2
    await erase(cms.kit, post.id, BRAND)
    assert left(file) == []


async def test_a_post_whose_request_went_to_others_too_is_for_who_may_see_these(build_town):
    """One request, two posts: what it was given goes with either."""
    cms = await build_town(hooks=a_cms())
    post = await posted(cms)
    [row] = post.targets
    other = replace(
        post, id="post_other", partner_id=None, targets=(replace(row, account="x", name="other-x"),), version=1
    )
    assert await cms.store.record([Write(posts=(other,))]) == [True]

    assert (await refusal(cms, post.id, BRAND)).slug == "account_not_allowed"
    assert (await refusal(cms, post.event_id, BRAND)).slug == "no_such_subject"
    assert (await cms.post(post.id)).content
    assert (await erase(cms.kit, post.id, ADMIN))["posts"] == 1


async def test_what_is_begun_each_time_it_is_looked_at_is_said_to_be_open(cms):
    post = await posted(cms)
    tries = []

    async def begun(subject_id, now):
        tries.append(subject_id)
        raise StoreOvertaken("work on what is to be erased has begun; look again")

    cms.kit.store.erase = begun
    refused = await refusal(cms, post.id, ADMIN)

    assert (refused.status, refused.slug, len(tries)) == (409, "still_open", 3)
    assert "erase it then" in refused.detail


async def test_what_is_scheduled_or_has_an_open_command_is_to_be_taken_back_first(cms):
    result = await say(cms, "schedule", at=IN_AN_HOUR.isoformat())
    [post] = result.posts

    refused = await refusal(cms, post.id, ADMIN)

    assert (refused.slug, refused.extra["commands"]) == ("still_open", ["publish"])
    assert f"DELETE /v1/posts/{post.id}" in refused.detail
