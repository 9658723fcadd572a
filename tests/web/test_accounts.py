"""Accounts and causes over HTTP."""

from dataclasses import replace

import pytest

from bridge.flows import Book
from tests.web.conftest import NAMES
from tests.web.room import problem

pytestmark = pytest.mark.anyio


async def test_accounts_are_listed_with_our_names(room):
    listed = (await room.get("/v1/accounts?state=active&partner=genviral"))["items"]

    names = {item["name"]: item["platform"] for item in listed}
    assert (names["brand-tiktok"], names["brand-youtube"], names["other-x"]) == ("tiktok", "youtube", "x")
    assert all(item["causes"] == [] for item in listed)


async def test_a_lost_account_shows_its_cause_and_what_waits(room):
    await room.lose_account()
    post = (await room.publish()).json()["posts"][0]["id"]

    [lost] = (await room.get("/v1/accounts?state=disconnected"))["items"]
    [cause] = (await room.get("/v1/causes"))["items"]

    assert lost["name"] == "brand-tiktok"
    assert lost["causes"] == [cause]
    assert (cause["kind"], cause["state"], cause["reason"]) == ("account", "open", "account_inactive")
    assert cause["waiting"] == {"count": 1, "posts": [post]}
    assert (await room.get("/v1/causes?state=closed"))["items"] == []


async def test_a_restricted_token_sees_only_its_accounts(room):
    await room.lose_account()

    listed = (await room.get("/v1/accounts", "brand"))["items"]

    assert {item["name"] for item in listed} == {"brand-tiktok", "brand-youtube"}
    assert len((await room.get("/v1/causes", "brand"))["items"]) == 1


async def test_a_bad_filter_is_refused(room):
    answer = await room.call("GET", "/v1/accounts?state=well&partner=nobody")

    assert [fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["partner", "state"]


async def test_a_retired_account_is_shown_as_that_and_posts_to_it_are_refused(room):
    await room.lose_account()
    book = Book([replace(name, retired=name.name == "brand-tiktok") for name in NAMES], ("genviral",))
    await book.refresh(room.web.store)
    room.web.ingest.kit.book.directory = book.directory

    [shown] = (await room.get("/v1/accounts?state=retired"))["items"]
    lost = (await room.get("/v1/accounts?state=disconnected"))["items"]
    [fault] = problem(await room.publish(), 422, "invalid_request")["errors"]

    assert (shown["name"], shown["state"], shown["detail"]) == ("brand-tiktok", "retired", "no longer listed as active")
    assert (lost, fault["field"], fault["problem"]) == ([], "accounts[0]", "'brand-tiktok' is retired")
