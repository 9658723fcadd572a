"""The vendor's documented examples, played against the simulator; the files in samples/ say where they come from."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, Account, X
from bridge.simulator.posteverywhere.model import Media
from bridge.simulator.posteverywhere.outbox import sign

pytestmark = pytest.mark.anyio
SAMPLES = Path(__file__).parent / "samples"
POST = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
MEDIA = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
BARE_ERRORS = {"error_retryable": False}
OLD_ACCOUNTS = [
    Account(1, "instagram", "@acme", avatar_url="https://cdn.posteverywhere.ai/avatars/acme-ig.jpg"),
    Account(4, "linkedin", "Acme Inc.", avatar_url="https://cdn.posteverywhere.ai/avatars/acme-li.jpg"),
    Account(7, "x", "@acme_tweets"),
]


def sample(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the request and the response body of a published example."""
    text = json.loads((SAMPLES / f"pe-{name}.json").read_text())
    return text.get("request", {}), text.get("response", {}).get("body", {})


def told(answer, expected: dict[str, Any]) -> dict[str, Any]:
    """Give the answer with the example's own request id and time in place of ours."""
    return answer.json() | {"meta": expected["meta"]}


def add_media(pe, media_id: str) -> None:
    organization = next(iter(pe.sim.world.organizations))
    media = Media(media_id, organization, "a.jpg", "image/jpeg", size=1, created_at=pe.clock.at, status="ready")
    media.width, media.height = 1920, 1080
    pe.sim.world.media[media_id] = media


def add_accounts(pe, *accounts: Account) -> None:
    organization = next(iter(pe.sim.world.organizations))
    pe.sim.world.accounts = {one.id: one for one in accounts}
    for one in accounts:
        one.organization_id = organization


def keep(pe, *account_ids: int) -> None:
    add_accounts(pe, *[pe.sim.world.accounts[one] for one in account_ids])


async def test_accounts_example_is_answered_word_for_word(pe):
    _, expected = sample("01-list-accounts")
    keep(pe, INSTAGRAM, X, LINKEDIN)
    pe.sim.expire(LINKEDIN)
    assert told(await pe.client.get("/accounts"), expected) == expected


@pytest.mark.parametrize("options", [{"contract": "old"}])
async def test_old_accounts_example_is_answered_word_for_word(pe):
    _, expected = sample("02-list-accounts-old")
    add_accounts(pe, *OLD_ACCOUNTS)
    for one, row in zip(OLD_ACCOUNTS, expected["data"]["accounts"], strict=True):
        one.created_at = datetime.fromisoformat(row["created_at"])
    pe.sim.expire(7)
    assert told(await pe.client.get("/accounts"), expected) == expected


@pytest.mark.parametrize("options", [{"health_envelope": False}])
async def test_health_example_is_answered_in_its_shape_and_without_envelope(pe):
    _, expected = sample("03-account-health")
    answer = (await pe.client.get(f"/accounts/{INSTAGRAM}/health")).json()
    assert answer.keys() == expected.keys()
    assert {name: answer[name].keys() for name in ("token", "activity")} == {
        name: expected[name].keys() for name in ("token", "activity")
    }
    assert (answer["status"], answer["can_post"], answer["reasons"]) == ("healthy", True, [])


@pytest.mark.parametrize("options", [{"published_quirk": True}])
async def test_results_example_is_answered_word_for_word_with_its_quirk(pe):
    _, expected = sample("04-results")
    pe.sim.seed_post("partially_failed", id=POST, destinations=expected["data"]["results"])
    assert told(await pe.client.get(f"/posts/{POST}/results"), expected) == expected


async def test_retry_example_is_answered_word_for_word(pe):
    request, expected = sample("07-retry-200")
    _, before = sample("04-results")
    pe.sim.seed_post("partially_failed", id=POST, destinations=before["data"]["results"])
    answer = await pe.client.post(f"/posts/{POST}/retry", json=request["body"])
    assert (answer.status_code, told(answer, expected)) == (200, expected)


@pytest.mark.parametrize("options", [BARE_ERRORS])
@pytest.mark.parametrize(("name", "status"), [("08-retry-404", 404), ("09-retry-409", 409)])
async def test_retry_refusals_are_answered_word_for_word(pe, name, status):
    _, expected = sample(name)
    if status == 409:
        pe.sim.seed_post("published", id=POST, account_ids=[X])
    answer = await pe.client.post(f"/posts/{POST}/retry")
    assert (answer.status_code, told(answer, expected)) == (status, expected)


@pytest.mark.parametrize("options", [{"contract": "old"}])
async def test_old_create_example_is_answered_but_for_its_id(pe):
    request, expected = sample("10-create-201-old")
    add_accounts(pe, *OLD_ACCOUNTS)
    add_media(pe, request["body"]["media_ids"][0])
    answer = await pe.client.post("/posts", json=request["body"])
    assert answer.json()["data"] | {"post_id": "post_8f3k2j1"} == expected["data"]
    assert answer.json().keys() == expected.keys()


@pytest.mark.parametrize("options", [{"destination_times": False}])
async def test_get_example_is_answered_word_for_word(pe):
    _, expected = sample("11-get-post")
    post = expected["data"]
    add_media(pe, MEDIA)
    pe.sim.seed_post(**{name: value for name, value in post.items() if name not in ("post_id", "media")})
    assert told(await pe.client.get(f"/posts/{POST}"), expected) == expected


async def test_bulk_example_is_207_with_no_error(pe):
    request, expected = sample("12-bulk-mixed-shape")
    answer = await pe.client.post("/posts/bulk", json=request["body"])
    assert (answer.status_code, answer.json()["error"]) == (207, None)
    got, wanted = answer.json()["data"], expected["data"]
    assert got["summary"] == wanted["summary"]
    assert [(one["index"], one["ok"]) for one in got["results"]] == [(0, True), (1, False)]
    assert got["results"][0]["post"]["status"] == wanted["results"][0]["post"]["status"]
    assert wanted["results"][1]["error"].items() <= got["results"][1]["error"].items()


async def test_retry_failed_example_is_answered_but_for_its_ids(pe):
    request, expected = sample("13-retry-failed-shape")
    pe.sim.seed_post("failed", id=POST, account_ids=[LINKEDIN])
    answer = await pe.client.post("/posts/retry-failed", json=request["body"])
    row = answer.json()["data"]["destinations"][0]
    row["destination_id"] = expected["data"]["destinations"][0]["destination_id"]
    assert answer.json()["data"] | {"destinations": [row]} == expected["data"]


def test_webhooks_are_signed_as_the_vendors_own_tests_expect():
    vector = json.loads((SAMPLES / "pe-14-webhook-signature-vector.json").read_text())["vector"]
    assert sign(vector["secret"], vector["raw_body"].encode()) == vector["header_value"]
