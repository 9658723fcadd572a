"""Deliveries and dead letters in the console: what was sent and answered, and sending it again."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Endpoint, Lane, WorkState, Write
from bridge.core.queries import Rooms
from bridge.ports import Settled, Settlement

pytestmark = pytest.mark.anyio

HERE, DEAD = "/console/deliveries", "/console/dead-letters"


async def one_tried(room, state=WorkState.DEAD, **ended):
    """Let one delivery be tried once, with an answer."""
    await room.published()
    [claimed] = await room.web.store.claim_deliveries(room.clock(), Lane.FIRST, Rooms(9, 9), timedelta(minutes=1))
    one, at = claimed.delivery, room.clock()
    tried = Attempt(
        subject_id=one.id,
        number=one.calls,
        post_id=None,
        started_at=at,
        outcome=AttemptOutcome.FAILED,
        finished_at=at + timedelta(seconds=1.25),
        status=500,
        reason=FailureReason.SERVER_ERROR,
        answer={"body": "<b>out of paper</b>"},
    )
    after = {"reason": FailureReason.EXHAUSTED, "settled_at": at, **ended}
    row = replace(one, attempts=1, version=one.version + 1, state=state, **after)
    assert await room.web.store.settle([Settlement(row, tried)]) == [Settled.KEPT]
    return one.id


async def some_dead(room, count=3, reason=FailureReason.EXHAUSTED):
    for number in range(count):
        await room.published(caption=f"number {number}")
    assert await room.fail_deliveries(reason) == count
    room.clock.advance(minutes=1)
    return [row["id"] for row in (await room.get("/v1/deliveries?state=dead"))["items"]]


async def states(room):
    return sorted(row["state"] for row in (await room.get("/v1/deliveries"))["items"])


async def test_deliveries_are_listed_and_filtered(room, sign_in):
    admin = await sign_in()
    assert "Nothing was told to anybody yet." in (await admin.look(HERE)).text
    post = await room.published()

    page = await admin.look(f"{HERE}?endpoint=ops&state=due&type=post.pending&subject={post['id']}")

    assert f'<a href="/console/posts/{post["id"]}">Holiday drops</a>' in page.html
    assert '<option value="due" selected>' in page.html
    assert "No delivery is like that." in (await admin.look(f"{HERE}?state=dead")).text
    assert "since" in (await admin.look(f"{HERE}?since=monday", 422)).text


async def test_what_each_is_about_is_named_and_linked(room, sign_in):
    post = await room.published(caption="Dear all,\nit is <here>")
    await room.lose_account()

    page = await (await sign_in()).look(HERE)

    assert page.html.count('<a href="/console/accounts">account brand-tiktok</a>') == 2
    assert f'<a href="/console/posts/{post["id"]}">Dear all, it is &lt;here&gt;</a>' in page.html


async def test_further_pages_are_linked(room, sign_in):
    rows = await some_dead(room, 3)
    admin = await sign_in()

    page = await admin.look(f"{HERE}?before={rows[0]}")

    assert page.html.count(f'<a href="{HERE}/dlv_') == 2
    assert "Newest" in page.text


async def test_a_delivery_shows_the_request_and_each_answer(room, sign_in):
    await room.change_endpoint("ops", configured=True)
    delivery = await one_tried(room)

    page = await (await sign_in()).look(f"{HERE}/{delivery}")

    assert "1. It did not take it" in page.text
    assert "Answer 500 Why server error Took 1 s" in page.text
    assert "&lt;b&gt;out of paper&lt;/b&gt;" in page.html
    assert "POST https://ops.example.com/" in page.text
    assert "webhook-signature not shown" in page.text
    assert '"type": "post.pending"' in page.text
    assert page.deeds == [f"{HERE}/{delivery}/replay"]


@pytest.mark.parametrize(("name", "sign"), [("cloudevents", '"specversion"'), ("flat", '"post_id"')])
async def test_the_body_is_shown_in_the_format_that_it_is_sent_in(room, sign_in, name, sign):
    await room.web.store.record([Write(endpoints=(Endpoint("other", "https://other.example.com/", format=name),))])
    await room.published()
    [row] = (await room.get("/v1/deliveries?endpoint=other"))["items"]

    page = await (await sign_in()).look(f"{HERE}/{row['id']}")

    assert f"Body ({name})" in page.text
    assert sign in page.text.partition("The event")[0]


async def test_one_on_its_way_has_no_attempt_and_no_button(room, sign_in):
    await room.published()
    [row] = (await room.get("/v1/deliveries"))["items"]

    page = await (await sign_in()).look(f"{HERE}/{row['id']}")

    assert "It is on its way" in page.text
    assert "There was no attempt yet." in page.text
    assert page.deeds == []
    again = await (await sign_in()).send(f"{HERE}/{row['id']}/replay")
    assert again.said == "This delivery is still under way: there is nothing to send again yet."


async def test_what_it_told_is_gone_once_it_was_erased(room, sign_in):
    delivery = await one_tried(room)
    await room.look()
    await room.look(minutes=10)
    [post] = (await room.get("/v1/posts"))["items"]
    assert (await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")).status_code == 200

    page = await (await sign_in()).look(f"{HERE}/{delivery}")

    assert "What it told was erased." in page.text
    assert page.deeds == []


async def test_an_endpoint_that_is_gone_leaves_its_history(room, sign_in):
    delivery = await one_tried(room)
    await room.web.store.record([Write(drop_endpoints=("ops",))])

    page = await (await sign_in()).look(f"{HERE}/{delivery}")

    assert "an address that is not known any more" in page.text


async def test_a_delivery_is_replayed(room, sign_in):
    delivery = await one_tried(room)

    page = await (await sign_in()).send(f"{HERE}/{delivery}/replay")

    assert page.said == "It is sent again: this page shows what is answered."
    assert await states(room) == ["due"]


async def test_what_is_ticked_is_replayed_one_by_one(room, sign_in):
    rows = await some_dead(room)
    admin = await sign_in()
    assert (await admin.look(DEAD)).html.count('name="id"') == 3

    page = await admin.send(DEAD, {"which": "ticked", "id": rows[:2], "endpoint": "ops"})

    assert (page.said, str(page.answer.url)[-13:]) == ("2 deliveries are sent again.", "?endpoint=ops")
    assert await states(room) == ["dead", "due", "due"]
    again = await admin.send(DEAD, {"which": "ticked", "id": rows[:1]})
    assert again.said.startswith("1 is not: This delivery is still under way")
    assert "Nothing is ticked" in (await admin.send(DEAD, {"which": "ticked"})).said


async def test_all_of_a_filter_is_replayed_by_a_job_that_shows_how_far_it_is(room, sign_in):
    await some_dead(room)
    admin = await sign_in()
    page = await admin.look(f"{DEAD}?endpoint=ops&reason=exhausted")
    assert '<input type="hidden" name="reason" value="exhausted">' in page.html

    page = await admin.send(DEAD, {"which": "all", "endpoint": "ops", "reason": "exhausted"})

    assert page.answer.url.path.startswith("/console/replays/rpl_")
    assert '<progress id="progress" value="0" max="3"' in page.html
    job = await room.get(page.answer.url.path.replace("/console", "/v1"))
    assert job["filter"] == {"endpoint": "ops", "reason": "exhausted", "state": "dead"}
    assert "A replay is running" in (await admin.look(DEAD)).text


async def test_all_is_replayed_without_a_filter_and_a_wrong_one_is_told(room, sign_in):
    await some_dead(room, 1)
    admin = await sign_in()

    wrong = await admin.client.post(DEAD, data={"csrf": (await csrf(admin)), "which": "all", "endpoint": "nobody"})
    assert wrong.headers["location"] == f"{DEAD}?endpoint=nobody"
    page = await admin.send(DEAD, {"which": "all"})

    assert "0 of 1 sent" in page.text


async def csrf(browser):
    page = await browser.look(DEAD)
    return page.html.partition('name="csrf" value="')[2].partition('"')[0]


async def test_no_dead_letters_is_good_news(room, sign_in):
    admin = await sign_in()
    assert "There are no dead letters." in (await admin.look(DEAD)).text
    assert "No dead letter is like that." in (await admin.look(f"{DEAD}?endpoint=ops")).text


async def test_who_may_only_read_sees_no_buttons_and_is_refused(room, sign_in):
    [row] = await some_dead(room, 1)
    reader = await sign_in("reader")

    page = await reader.look(DEAD)
    assert (page.deeds, 'name="id"' in page.html) == ([], False)
    assert (await reader.look(f"{HERE}/{row}")).deeds == []
    await reader.send(f"{HERE}/{row}/replay", status=403)
    await reader.send(DEAD, {"which": "all"}, status=403)
    await reader.send(DEAD, {"which": "ticked", "id": row}, status=403)
    assert await states(room) == ["dead"]


async def test_a_form_of_another_session_is_refused(room, sign_in):
    [row] = await some_dead(room, 1)

    await (await sign_in()).send(f"{HERE}/{row}/replay", {"csrf": "x"}, status=403)
    await (await sign_in()).send(DEAD, {"csrf": "x", "which": "all"}, status=403)

    assert await states(room) == ["dead"]


async def test_bodies_are_shown_as_text_whatever_is_in_them(room, sign_in):
    post = await room.published(caption="<script>alert(1)</script>")
    [row] = (await room.get(f"/v1/deliveries?subject={post['id']}"))["items"]

    page = await (await sign_in()).look(f"{HERE}/{row['id']}")

    assert "<script>alert" not in page.html
    assert orjson.dumps(post["id"]).decode() in page.text
