"""A start brings the rows of configured endpoints up to date, touches nothing else, and retires old keys."""

from datetime import timedelta

import pytest

from bridge.core.configured import owned, renew, sync
from bridge.core.endpoint_fields import EndpointFields, columns
from bridge.core.errors import SettingsError
from bridge.core.model import Endpoint, Write
from bridge.core.sealing import Sealer, Secrets
from bridge.core.step import Moment, Step
from tests.core.builders import NOW

OLD, NEW = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU="
FIELDS = EndpointFields(
    url="https://ops.example", where={"account": ("brand-*",)}, rate=2, timeout=timedelta(seconds=5)
)
WANTED = {"ops": columns(FIELDS)}


def a_step() -> Step:
    return Step(Moment(NOW, lambda prefix: f"{prefix}_1", lambda: 0.5))


def synced(*known: Endpoint, wanted=WANTED) -> Write:
    step = a_step()
    sync(step, {one.name: one for one in known}, wanted)
    return step.write()


def test_a_new_endpoint_gets_a_row_with_all_its_fields():
    [made] = synced().endpoints

    assert {name: getattr(made, name) for name in WANTED["ops"]} == WANTED["ops"]
    assert (made.name, made.configured, made.enabled, made.created_at) == ("ops", True, True, NOW)


def test_an_endpoint_that_is_as_it_is_configured_is_not_written():
    assert synced(Endpoint("ops", **WANTED["ops"])).endpoints == ()


def test_a_change_leaves_its_health_and_what_people_decided():
    ill = {"enabled": False, "reason": "by_hand", "failing_since": NOW, "warned": 50, "held_until": NOW, "sequence": 3}
    before = Endpoint("ops", "https://former.example", **ill)

    [after] = synced(before).endpoints

    assert {name: getattr(after, name) for name in WANTED["ops"]} == WANTED["ops"]
    assert {name: getattr(after, name) for name in ill} == ill


def test_one_that_left_is_disabled_and_one_that_is_back_goes_on():
    here = Endpoint("ops", **WANTED["ops"])

    left = synced(here, wanted={})
    [gone] = left.endpoints
    [back] = synced(gone).endpoints

    assert (gone.enabled, gone.reason, left.kill_deliveries_of) == (False, "unconfigured", ("ops",))
    assert (back.enabled, back.reason) == (True, None)
    assert synced(gone, wanted={}).endpoints == ()


def test_an_endpoint_of_the_api_is_left_alone_and_its_name_is_not_taken():
    made = [Endpoint(name, "https://else.example", configured=False) for name in ("ops", "other", "third")]

    assert synced(*made, wanted={}).endpoints == ()
    with pytest.raises(SettingsError) as caught:
        synced(*made, wanted={**WANTED, "other": WANTED["ops"], "fine": WANTED["ops"]})
    assert [fault.field for fault in caught.value.faults] == ["endpoints.ops", "endpoints.other"]
    assert all("made over the API" in fault.problem and fault.remedy for fault in caught.value.faults)


def made_by(owner: str, **given) -> Endpoint:
    return Endpoint(f"of-{owner}", "https://else.example", configured=False, owner=owner, **given)


def test_what_a_token_made_is_disabled_without_it_and_goes_on_when_it_is_back():
    known = {"of-left": made_by("left"), "of-here": made_by("here"), "ops": Endpoint("ops", "https://ops.example")}
    step, back = a_step(), a_step()

    told = owned(step, known, {"here": ()})
    left = step.write()
    [gone] = left.endpoints
    owned(back, {gone.name: gone}, {"left": ("brand-*",)})
    [returned] = back.write().endpoints

    assert told == (["of-left"], [])
    assert (gone.enabled, gone.reason, left.kill_deliveries_of) == (False, "owner_gone", ("of-left",))
    assert (returned.enabled, returned.reason, returned.allowed) == (True, None, ("brand-*",))


def test_what_a_token_made_is_told_of_the_accounts_that_it_has_now():
    off = {"enabled": False, "reason": "by_hand"}
    known = {"of-here": made_by("here", allowed=("*",), **off), "of-same": made_by("same", allowed=("a",))}
    step = a_step()

    told = owned(step, known, {"here": ("brand-*",), "same": ("a",)})

    [changed] = step.write().endpoints
    assert told == ([], ["of-here"])
    assert (changed.name, changed.allowed, changed.reason) == ("of-here", ("brand-*",), "by_hand")


def test_one_that_was_disabled_before_its_token_went_stays_as_it_is():
    step = a_step()

    assert owned(step, {"of-left": made_by("left", enabled=False, reason="by_hand")}, {}) == (["of-left"], [])
    assert not step


def test_what_an_older_key_sealed_is_sealed_anew_and_what_none_opens_is_named():
    lost_key = "bG9zdGxvc3Rsb3N0bG9zdGxvc3Rsb3N0bG9zdGxvc3Q="
    by_key = {"new": NEW, "old": OLD, "lost": lost_key}
    sealed = {name: Sealer([key]).seal(Secrets(headers={"X-Of": name})) for name, key in by_key.items()}
    known = {name: Endpoint(name, "https://a.example", configured=False, sealed=one) for name, one in sealed.items()}
    known["ops"] = Endpoint("ops", "https://ops.example")
    step = a_step()

    lost = renew(step, known, Sealer([NEW, OLD]))

    [renewed] = step.write().endpoints
    assert (renewed.name, lost) == ("old", ["lost"])
    assert Sealer([NEW]).open(renewed.sealed or b"").headers == {"X-Of": "old"}


def test_without_a_key_every_sealed_endpoint_is_named_and_nothing_is_written():
    sealed = Sealer([OLD]).seal(Secrets())
    step = a_step()

    lost = renew(
        step, {name: Endpoint(name, "https://a.example", configured=False, sealed=sealed) for name in "ba"}, None
    )

    assert lost == ["a", "b"]
    assert not step
