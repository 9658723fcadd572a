"""Endpoints over a real store: what several callers do at once, and what goes with a row that is dropped."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.endpoint_fields import Known
from bridge.core.endpoint_request import parse_changes
from bridge.core.errors import Conflict, FailureReason, Problem
from bridge.core.model import Write
from bridge.core.sealing import Sealer, Sendings
from bridge.core.signing import secret_key
from bridge.core.tokens import Token
from bridge.flows import TRIES
from bridge.flows.endpoints import Endpoints
from bridge.ports import Find

pytestmark = pytest.mark.anyio

ADMIN = Token("admin", frozenset({"admin"}))
URL = "https://ops.example.com/hook"
SEALING_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@pytest.fixture
def flow(town):
    sealer = Sealer([SEALING_KEY])
    numbers = iter(range(1, 100))
    return Endpoints(
        town.kit,
        known=Known(),
        sealer=sealer,
        sending=Sendings({}, sealer),
        entropy=lambda size: next(numbers).to_bytes(size),
        disable_after=timedelta(days=5),
        owners=("admin",),
    )


async def keys(town, flow, name="team"):
    return flow.sending((await town.store.endpoints())[name], town.clock()).keys


async def test_what_two_callers_change_at_once_is_kept_of_both(town, flow):
    first = await flow.create({"url": URL, "name": "team"}, ADMIN)

    second, third, patched = await asyncio.gather(
        flow.rotate("team", {}, ADMIN), flow.rotate("team", {}, ADMIN), flow.patch("team", {"rate": 7}, ADMIN)
    )

    assert patched.rate == 7
    assert (await town.store.endpoints())["team"].rate == 7
    assert {secret_key(made.secret) for made in (first, second, third)} == set(await keys(town, flow))


async def test_of_two_with_one_name_the_second_is_refused(town, flow):
    both = [flow.create({"url": URL, "name": "team"}, ADMIN) for _ in range(2)]

    results = await asyncio.gather(*both, return_exceptions=True)

    assert [result.slug for result in results if isinstance(result, Problem)] == ["endpoint_exists"]


async def test_who_never_gets_a_word_in_is_told_so(town, flow, monkeypatch):
    await flow.create({"url": URL, "name": "team"}, ADMIN)
    asked = []

    async def overtaken(writes):
        asked.append(writes)
        return [False] * len(writes)

    monkeypatch.setattr(town.store, "record", overtaken, raising=False)

    with pytest.raises(Conflict):
        await flow.patch("team", {"rate": 7}, ADMIN)
    assert len(asked) == TRIES


async def test_a_name_is_free_again_after_its_endpoint_went(town, flow):
    await flow.create({"url": URL, "name": "team"}, ADMIN)
    await flow.delete("team", ADMIN)

    made = await flow.create({"url": URL, "name": "team"}, ADMIN)

    assert (made.endpoint.version, await keys(town, flow)) == (1, (secret_key(made.secret),))


async def test_a_disabled_endpoint_tells_once(town, flow):
    await flow.create({"url": URL, "name": "team"}, ADMIN)

    await flow.disable("team", ADMIN)
    await flow.disable("team", ADMIN)

    told = await town.store.find_deliveries(Find(type="endpoint.disabled"))
    assert [(one.destination, one.subject) for one in told] == [("ops", "endpoint:team")]


async def test_a_change_is_of_fields_alone(town, flow):
    """What nobody spoke of is written as it is: a change of nothing changes nothing."""
    made = await flow.create({"url": URL, "group": "30s", "format": "slack", "schedule": ["0s", "5s"]}, ADMIN)

    asked = parse_changes({"url": URL}, Known(), made.endpoint)

    assert {name: getattr(made.endpoint, name) for name in asked.changes} == asked.changes


SUBSCRIPTION = {"target_url": URL, "event": "post.*"}


async def test_the_same_subscription_asked_for_at_once_is_one(town, flow):
    made = await asyncio.gather(*(flow.subscribe(SUBSCRIPTION, ADMIN) for _ in range(5)))

    assert sorted(one.new for one in made) == [False] * 4 + [True]
    assert len({one.endpoint.name for one in made}) == 1


@pytest.mark.parametrize("reason", [FailureReason.FAILING, FailureReason.GONE, FailureReason.EXHAUSTED, "owner_gone"])
async def test_a_subscription_that_is_asked_for_again_works_again(town, flow, reason):
    first = await flow.subscribe(SUBSCRIPTION, ADMIN)
    off = replace(first.endpoint, version=2, enabled=False, reason=reason, failing_since=town.clock(), warned=90)
    await town.store.record([Write(endpoints=(off,))])

    again = await flow.subscribe(SUBSCRIPTION, Token("admin", frozenset({"read"}), ("brand-*",)))

    row = (await town.store.endpoints())[first.endpoint.name]
    assert (again.new, again.endpoint.name, again.endpoint.enabled) == (False, row.name, True)
    assert (row.enabled, row.reason, row.failing_since, row.warned, row.allowed) == (True, None, None, 0, ("brand-*",))


async def test_a_subscription_that_a_person_disabled_stays_so(flow):
    first = await flow.subscribe(SUBSCRIPTION, ADMIN)
    await flow.disable(first.endpoint.name, ADMIN)

    again = await flow.subscribe(SUBSCRIPTION, ADMIN)

    assert (again.endpoint.name, again.endpoint.enabled) == (first.endpoint.name, False)


async def test_one_that_was_changed_to_something_else_is_not_taken_for_the_same(flow):
    first = await flow.subscribe(SUBSCRIPTION, ADMIN)
    await flow.patch(first.endpoint.name, {"url": f"{URL}/other"}, ADMIN)

    again = await flow.subscribe(SUBSCRIPTION, ADMIN)

    assert again.new
    assert again.endpoint.name != first.endpoint.name
    assert (await flow.subscribe(SUBSCRIPTION, ADMIN)).endpoint.name == again.endpoint.name


async def test_an_address_is_nowhere_but_under_seal(town, flow, file):
    made = await flow.create({"url": f"{URL}/PATHSECRET?k=QUERYSECRET", "name": "team"}, ADMIN)
    await flow.patch("team", {"url": f"{URL}/OTHERSECRET"}, ADMIN)
    await flow.subscribe({"target_url": f"{URL}/THIRDSECRET", "event": "*"}, ADMIN)

    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert made.endpoint.url == "https://ops.example.com/[redacted]"
    assert b"ops.example.com/[redacted]" in stored
    assert b"SECRET" not in stored
    row = (await town.store.endpoints())["team"]
    assert flow.sending(row, town.clock()).url == f"{URL}/OTHERSECRET"
    assert "SECRET" not in repr(row)
