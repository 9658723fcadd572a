"""What each type looks like in each format, against files; `python -m tests.core.test_formats` writes these again."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import formats
from bridge.core.block_kit import plain
from bridge.core.catalogue._samples import NOON, disabled_by_hand, given_up, refused, samples
from bridge.core.events import EVENT_TYPES, body_of
from bridge.core.model import OutboundEvent
from tests.block_kit import block_faults, texts
from tests.schemas import faults

GOLDEN = Path(__file__).parent.parent / "golden"
VARIANTS = {
    "post.partial.given_up": given_up(),
    "post.rejected.event": refused(),
    "endpoint.disabled.by_hand": disabled_by_hand(),
}
"""Events that a format tells otherwise than the sample of their type."""

CASES = [(name, which) for name in formats.FORMATS for which in (*EVENT_TYPES, *VARIANTS)]
AGAIN = "write it again: python -m tests.core.test_formats"


def shown(name: str, which: str) -> str:
    body = formats.body(name, VARIANTS.get(which) or samples()[which])
    return json.dumps(None if body is None else json.loads(body), indent=2, ensure_ascii=False) + "\n"


def golden(name: str, which: str) -> Path:
    return GOLDEN / name / f"{which}.json"


def changed(event_type: str, **facts: Any) -> OutboundEvent:
    """The sample of a type with other facts."""
    event = samples()[event_type]
    return replace(event, body=body_of(event_type, orjson.loads(event.body)["data"] | facts, NOON))


def with_text(text: str) -> OutboundEvent:
    """A failure that has the same text wherever the caller, the partner or the configuration may put one."""
    account = {"id": text, "name": text, "platform": text}
    target = {"account": account, "state": "failed", "url": text, "reason": None, "error": text, "published_at": None}
    ours = {"source": text, "external_id": text, "partner": text, "what_to_do": text, "reason": text, "error": text}
    return changed("post.gave_up", targets=[target] * 12, **ours)


def slack(event: OutboundEvent) -> Any:
    body = formats.body(formats.SLACK, event)
    return None if body is None else orjson.loads(body)


def gathered(*events: OutboundEvent) -> Any:
    bodies = [body for event in events if (body := formats.body(formats.SLACK, event)) is not None]
    return orjson.loads(formats.gathered(formats.SLACK, bodies))


def assert_fits(message: Any) -> None:
    """Hold a message against Slack's limits; whatever is in angle brackets must be ours."""
    assert block_faults(message) == []


@pytest.mark.parametrize(("name", "which"), CASES)
def test_a_body_is_the_one_in_the_file(name, which):
    path = golden(name, which)
    assert path.exists(), AGAIN
    assert path.read_text() == shown(name, which), AGAIN


@pytest.mark.parametrize("which", VARIANTS)
def test_a_variant_fits_the_schema_of_its_type(which):
    assert faults(orjson.loads(VARIANTS[which].body)) == []


def test_there_is_no_file_for_what_does_not_exist():
    known = {golden(*case) for case in CASES}
    assert {path for name in formats.FORMATS for path in (GOLDEN / name).iterdir()} == known


def test_the_standard_body_is_what_is_stored():
    event = samples()["post.posted"]
    assert formats.body(formats.STANDARD, event) is event.body


def test_the_media_type_of_each_format():
    kinds = {name: formats.content_type(name) for name in formats.FORMATS}
    assert kinds == dict.fromkeys(formats.FORMATS, "application/json") | {"cloudevents": "application/cloudevents+json"}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_sdk_reads_a_cloudevent(event_type):
    event = samples()[event_type]
    body = formats.body(formats.CLOUDEVENTS, event)
    assert body is not None
    message = HTTPMessage({"content-type": formats.content_type(formats.CLOUDEVENTS)}, body)

    read = from_http(message, JSONFormat())

    told = orjson.loads(event.body)
    assert (read.get_id(), read.get_type(), read.get_time()) == (event.id, event_type, event.created_at)
    assert (read.get_specversion(), read.get_datacontenttype()) == ("1.0", "application/json")
    assert (read.get_subject(), read.get_data()) == (event.subject, told["data"])
    assert read.get_source() == ("/bridge/partners/genviral" if event.partner else "/bridge")


def test_the_source_of_a_cloudevent_is_a_reference_whatever_a_key_is_called():
    odd = replace(samples()["post.posted"], partner="Brand/eins zwei")
    body = formats.body(formats.CLOUDEVENTS, odd)
    assert orjson.loads(body or b"")["source"] == "/bridge/partners/Brand%2Feins%20zwei"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_flat_body_has_one_level(event_type):
    body = orjson.loads(formats.body(formats.FLAT, samples()[event_type]) or b"")
    assert {type(value) for value in body.values()} <= {str, int, bool, float, type(None)}
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in body)
    assert (body["id"], body["type"]) == (samples()[event_type].id, event_type)


@pytest.mark.parametrize(
    "other",
    [
        changed("post.partial", targets=[], retry=None, reason=None, error=None),
        changed("post.partial", raw_status="half", warnings=[{"code": "X"}], by="a person", what_to_do="Look."),
    ],
)
def test_a_flat_body_has_the_same_keys_whatever_happened(other):
    usual, other = (
        orjson.loads(formats.body(formats.FLAT, event) or b"") for event in (changed("post.partial"), other)
    )
    assert list(usual) == list(other)


def test_a_flat_refusal_has_the_same_keys_of_a_post_and_of_an_event():
    of_post, of_event = (
        orjson.loads(formats.body(formats.FLAT, event) or b"") for event in (samples()["post.rejected"], refused())
    )
    assert list(of_post) == list(of_event)


def test_a_flat_body_keeps_lists_in_order_and_what_it_does_not_know():
    event = changed("post.gave_up", later={"a": {"b": [1, None, "x"]}}, type="odd")
    body = orjson.loads(formats.body(formats.FLAT, event) or b"")
    assert (body["targets_count"], body["targets_state"]) == (2, "posted | failed")
    assert body["targets_url"].endswith("/7301 | ")
    assert body["why"] == "7b0a1d52-4d0e-4b8e-9f0e-0a3a6a5f2c11: content"
    assert (body["later_a_b"], body["type"], body["data_type"]) == ("1, , x", "post.gave_up", "odd")


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_message_fits_into_slack(event_type):
    if (message := slack(samples()[event_type])) is not None:
        assert_fits(message)


@given(st.text(max_size=4_000) | st.text("&<>|!@#*_` \n", max_size=4_000))
def test_no_text_breaks_a_message_or_forges_anything_in_it(text):
    message = slack(with_text(text))
    assert_fits(message)
    assert len(texts(message)[0].splitlines()) <= 4


@pytest.mark.parametrize(
    "forged",
    [
        "<!channel>", "<@U024BE7LH>", "<#C024BE7LR>", "<https://evil.example|Reconnect here>", "&lt;!here&gt;",
        "x\n*What to do:* pay", "javascript:alert(1)", "https://a.example/>|<!channel>", "https://a.example/|b",
    ],
)  # fmt: skip
def test_a_text_stays_a_text(forged):
    message = slack(with_text(forged))
    assert_fits(message)
    assert "<!channel" not in str(message)
    assert "<javascript" not in str(message)
    assert texts(message)[0].count("\n*What to do:*") == 1


def test_control_characters_and_turns_of_direction_are_left_out():
    assert plain("a\x00b\x1b[31m \u202eevil\u202c\ufeff \x07 c\td\u2028e", 99) == "ab[31m evil c d e"
    assert plain("👩\u200d🚀 می\u200cخواهم", 99) == "👩\u200d🚀 می\u200cخواهم"


@pytest.mark.parametrize("long", ["&" * 250, "a" * 300, "ü" * 60, "&a=1" * 68])
def test_an_account_whose_address_is_too_long_for_a_link_is_named(long):
    rows = orjson.loads(samples()["post.posted"].body)["data"]["targets"]
    rows = [{**row, "url": "https://x.example/?" + long} for row in rows]
    [text] = texts(slack(changed("post.posted", targets=rows)))
    assert text.startswith(
        "*✅ The post is live on every account*: brand-tiktok (tiktok), brand-instagram (instagram)\n"
    )


def test_an_endpoint_that_was_switched_off_is_nobodys_to_mend():
    [text] = texts(slack(disabled_by_hand()))
    assert "\n*Why:* a person switched it off (by_hand)\n*What to do:* Nothing, if that was meant; " in text
    assert "/v1/endpoints/ops/enable" in text


def test_a_lost_event_is_named_with_whom_it_was_for_and_how_many_there_are():
    [text] = texts(slack(changed("delivery.exhausted", count=4)))
    assert "\n*Lost:* post.posted and 3 more, for ops\n" in text


def test_a_test_says_that_it_is_one():
    [text] = texts(slack(changed("webhook.test", message="Only a <test>.")))
    assert "\nOnly a &lt;test&gt;.\n" in text


@pytest.mark.parametrize("text", ["=1+1", "+43 1", "-1", "@brand", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_text_that_a_sheet_would_calculate_is_quoted(text):
    body = orjson.loads(formats.body(formats.FLAT, changed("post.failed", error=text, external_id=text)) or b"")
    assert (body["error"], body["external_id"]) == (f"'{text}", f"'{text}")


def test_numbers_and_ordinary_texts_are_not_quoted():
    body = orjson.loads(formats.body(formats.FLAT, changed("post.failed", error="1=1", sequence=-5)) or b"")
    assert (body["error"], body["sequence"]) == ("1=1", -5)


def test_a_list_has_as_many_values_as_objects_whatever_they_hold():
    rows = orjson.loads(samples()["post.failed"].body)["data"]["targets"]
    errors = ["bad | worse", "|", None, " | "]
    event = changed("post.failed", targets=[{**rows[0], "error": error} for error in errors])
    body = orjson.loads(formats.body(formats.FLAT, event) or b"")
    assert body["targets_error"].split(" | ") == ["bad ¦ worse", "¦", "", " ¦ "]
    assert body["targets_count"] == 4


def test_a_text_is_cut_between_characters_that_slack_takes_for_one():
    assert [plain("a&b", most) for most in (7, 6, 5, 2, 1)] == ["a&amp;b", "a…", "a…", "a…", "…"]


@pytest.mark.parametrize(
    "event",
    [
        samples()["post.retrying"],
        samples()["target.retrying"],
        samples()["post.partial"],
        changed("target.failed", retry={"will": True, "at": None, "attempt": 1, "of": 3, "why": "platform_rate"}),
    ],
    ids=lambda event: event.type,
)
def test_a_person_is_not_told_of_what_is_retried_anyway(event):
    assert slack(event) is None


@pytest.mark.parametrize("retry", [None, {"will": False, "at": None, "attempt": 0, "of": 3, "why": "content"}])
def test_a_person_is_told_of_what_is_not_retried(retry):
    assert slack(changed("post.partial", retry=retry)) is not None


def test_of_many_places_as_many_are_named_as_fit_and_the_rest_is_counted():
    message = slack(with_text("brand-" + "x" * 90 + "&" * 200))
    assert_fits(message)
    assert " and 8 more\n" in texts(message)[0]


def test_a_message_says_what_where_why_and_what_to_do():
    assert texts(slack(samples()["attention.opened"]))[0] == (
        "*🔴 A person must act*: brand-tiktok (tiktok)\n"
        "*Why:* tiktok account brandhq: no longer listed as active (account_inactive)\n"
        "*Waiting:* 1 post(s)\n"
        "*What to do:* Reconnect the account in the partner's dashboard; what waits for it then goes out by itself.\n"
        "_genviral · <!date^1772452800^{date_short_pretty} {time}|2026-03-02 12:00 UTC>_"
    )


def test_one_message_is_left_as_it_is():
    body = formats.body(formats.SLACK, samples()["attention.opened"])
    assert body is not None
    assert formats.gathered(formats.SLACK, [body]) is body


def test_many_of_the_same_are_one_block_that_counts_them():
    post = orjson.loads(samples()["post.failed"].body)["data"]["post"]
    events = [
        changed("post.failed", external_id=f"drop-{number}", post={**post, "id": f"post_{number}"})
        for number in range(13)
    ]
    message = gathered(*events)
    assert_fits(message)
    [text] = texts(message)
    assert "drop-0" in text
    assert text.endswith("\n_and 12 more like it: post_1, post_2, post_3_")
    assert message["text"].startswith("🔴 The post failed on every account")


CAUSE = {"kind": "cause", "id": "key:genviral"}


def test_a_cause_that_began_and_ended_meanwhile_is_told_as_over():
    message = gathered(changed("attention.opened", subject=CAUSE, account=None), samples()["attention.closed"])
    assert_fits(message)
    [text] = texts(message)
    over = "✅ A person had to act, and that is over already"
    assert text.startswith(f"*{over}*: genviral\n*Why:* the key is accepted again\n")
    assert message["text"] == f"{over}: genviral — the key is accepted again"


def test_a_cause_that_opened_again_is_told_as_open():
    opened = changed("attention.opened", subject=CAUSE, account=None)
    [text] = texts(gathered(opened, samples()["attention.closed"], opened))
    assert text.startswith("*🔴 A person must act*: genviral\n")


def test_each_cause_has_its_block_and_causes_come_first():
    events = [samples()[name] for name in ("post.failed", "attention.opened", "attention.closed", "post.posted")]
    message = gathered(*events)
    assert_fits(message)
    assert [block.get("block_id", "").partition(":")[0] for block in message["blocks"]] == [
        "", "cause", "cause", "post.failed", "post.posted",
    ]  # fmt: skip
    assert texts(message)[0] == "4 things happened"


@pytest.mark.parametrize("most", ["x" * 800, "😀" * 800, "\x01" * 800 + "&" * 800, "short"])
def test_every_cause_is_told_in_as_many_messages_as_it_takes(most):
    causes = [{"kind": "cause", "id": f"source:feed-{number}"} for number in range(120)]
    events = [changed("attention.opened", subject=one, account=None, detail=most, what_to_do=most) for one in causes]
    bodies = [formats.body(formats.SLACK, event) or b"" for event in events]

    parts = formats.parts(formats.SLACK, bodies)

    assert sorted(number for part in parts for number in part) == list(range(120))
    assert len(parts) < 50
    told = []
    for part in parts:
        message = orjson.loads(formats.gathered(formats.SLACK, [bodies[number] for number in part]))
        assert_fits(message)
        told += [block["block_id"] for block in message["blocks"] if "block_id" in block]
    assert sorted(told) == sorted(f"cause:{one['id']}" for one in causes)


def test_what_is_alike_stays_in_one_message_and_causes_come_first():
    failures = [changed("post.failed")] * 100
    causes = [
        changed("attention.opened", subject={"kind": "cause", "id": f"key:{number}"}, detail="x" * 800)
        for number in range(10)
    ]
    bodies = [formats.body(formats.SLACK, event) or b"" for event in (*failures, *causes)]
    first, *_, last = formats.parts(formats.SLACK, bodies)
    assert min(first) == 100
    assert set(range(100)) <= {*last}


@given(st.lists(st.text(max_size=900) | st.text('&<>\x00\u202e😀"\\', max_size=900), min_size=1, max_size=12))
def test_whatever_the_texts_each_part_fits(words):
    bodies = [formats.body(formats.SLACK, with_text(text)) or b"" for text in words]
    for part in formats.parts(formats.SLACK, bodies):
        assert part
        assert_fits(orjson.loads(formats.gathered(formats.SLACK, [bodies[number] for number in part])))


def test_formats_that_do_not_gather_have_a_part_for_each():
    assert formats.parts(formats.STANDARD, [b"1", b"2"]) == [[0], [1]]


def test_only_messages_for_people_can_be_gathered():
    body = samples()["post.posted"].body
    assert formats.gathered(formats.STANDARD, [body]) is body
    with pytest.raises(ValueError, match="standard cannot"):
        formats.gathered(formats.STANDARD, [body, body])


def write() -> None:
    """Write every file again."""
    for case in CASES:
        golden(*case).parent.mkdir(parents=True, exist_ok=True)
        golden(*case).write_text(shown(*case), encoding="utf-8")


if __name__ == "__main__":
    write()
