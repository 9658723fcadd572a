"""Which accounts get the same content, and what is plainly wrong with a request."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.directory import Wanted
from bridge.core.errors import Fault
from bridge.core.hook_rules import HookRules, Override
from bridge.core.planning import (
    LATEST,
    Part,
    as_warnings,
    dedupe_key,
    known,
    lateness,
    make_parts,
    parted,
    passed,
    refuse_post,
    with_media,
)
from bridge.core.request import parse_request
from bridge.core.rules import SourceRules
from tests.core.builders import NOW, a_step, an_account, an_unsent, told

PLATFORMS = ("tiktok", "x", "linkedin-page", "")


def wanted(account: str, platform: str = "tiktok", partner: str = "gv") -> Wanted:
    found = an_account(account, platform=platform) if platform else None
    return Wanted("", partner, account, found)


def ids(parts: list[Part]) -> list[list[str]]:
    return [[item.id for item in part.wanted] for part in parts]


def test_one_caption_is_one_part_for_each_partner():
    request = parse_request({"caption": "c"})
    accounts = [wanted("a"), wanted("b", partner="pe"), wanted("c", "x")]

    assert ids(make_parts(request, SourceRules(), accounts)) == [["a", "c"], ["b"]]


def test_accounts_of_another_caption_are_a_part_of_their_own():
    request = parse_request({"caption": "c", "captions": {"x": "short", "youtube": "c"}})
    accounts = [wanted("a"), wanted("b", "twitter"), wanted("c", "youtube"), wanted("d", "x", partner="pe")]

    parts = make_parts(request, SourceRules(), accounts)

    assert ids(parts) == [["a", "c"], ["b"], ["d"]]
    assert [(part.partner, part.content["caption"]) for part in parts] == [
        ("gv", "c"),
        ("gv", "short"),
        ("pe", "short"),
    ]


def test_a_partner_that_differs_has_a_part_with_its_own_content():
    rules = HookRules(caption="{{ title }}", by_partner={"pe": Override(caption="pe", content={"tags": ["a"]})})
    accounts = [wanted("a"), wanted("b", "x"), wanted("c", partner="pe")]

    parts = make_parts(parse_request({"title": "T"}), rules, accounts)

    assert ids(parts) == [["a", "b"], ["c"]]
    assert [part.content for part in parts] == [
        {"title": "T", "caption": "T"},
        {"title": "T", "caption": "pe", "tags": ["a"]},
    ]


def test_hashtags_are_as_many_as_each_platform_takes():
    request = parse_request({"tags": ["one", "two", "three"]})
    accounts = [wanted("a", "instagram"), wanted("b", "x"), wanted("c", "threads"), wanted("d", "youtube")]

    parts = make_parts(request, SourceRules(caption="{{ tags | hashtags }}"), accounts)

    assert ids(parts) == [["a", "d"], ["b"], ["c"]]
    assert [part.content["caption"] for part in parts] == ["#One #Two #Three", "#One #Two", "#One"]


def test_a_part_without_a_caption_has_the_fault_and_the_others_do_not():
    request = parse_request({"captions": {"x": "short"}})

    parts = make_parts(request, SourceRules(), [wanted("a"), wanted("b", "x")])

    assert [[fault.field for fault in part.faults] for part in parts] == [["caption"], []]


@pytest.mark.parametrize(("fields", "faults"), [({}, 1), ({"caption": "c"}, 0), ({"captions": {"x": "c"}}, 0)])
def test_without_accounts_the_caption_is_judged_as_far_as_can_be(fields, faults):
    [part] = make_parts(parse_request(fields), SourceRules(), [])

    assert (list(part.wanted), len(part.faults)) == ([], faults)


@given(
    st.lists(st.tuples(st.sampled_from(PLATFORMS), st.sampled_from(["gv", "pe"])), max_size=8),
    st.dictionaries(st.sampled_from(["x", "tiktok", "linkedin"]), st.sampled_from(["one", "two"]), max_size=3),
)
def test_every_account_is_in_one_part_and_no_part_says_two_things(accounts, captions):
    every = [wanted(str(place), *one) for place, one in enumerate(accounts)]
    request = parse_request({"caption": "c", "captions": captions})

    parts = make_parts(request, SourceRules(), every)

    assert sorted(item.id for part in parts for item in part.wanted) == sorted(item.id for item in every)
    assert all(len({item.partner for item in part.wanted}) <= 1 for part in parts)
    assert len({(part.wanted[0].partner, part.content["caption"]) for part in parts if part.wanted}) == len(
        [part for part in parts if part.wanted]
    )


def test_media_go_to_those_that_need_them():
    part = Part({"caption": "c"}, [wanted("a"), wanted("b", "x")])

    with_, without = with_media(part, {"type": "video"}, [part.wanted[0]])

    assert (ids([with_, without]), with_.content["media"]) == ([["a"], ["b"]], {"type": "video"})
    assert "media" not in without.content
    assert len(with_media(part, {"type": "video"}, part.wanted)) == 1


BLOCKS = {
    "caption": "c",
    "tiktok": {"title": "t"},
    "music_url": "https://a.example/",
    "pinterest": {"board_id": "1"},
    "settings": {"x": {"a": 1}, "linkedin": {"b": 2}, "reddit": {}},
}


def test_what_is_for_another_part_is_left_out_and_what_is_for_none_is_kept():
    given = [Part(BLOCKS, [wanted("a")]), Part(BLOCKS, [wanted("b", "x")]), Part(BLOCKS, [wanted("c", "")])]
    parts, warnings = parted(given, {})

    assert [sorted(part.content) for part in parts] == [
        ["caption", "music_url", "pinterest", "settings", "tiktok"],
        ["caption", "pinterest", "settings"],
        sorted(BLOCKS),
    ]
    assert [sorted(part.content["settings"]) for part in parts] == [
        ["linkedin", "reddit"],
        ["linkedin", "reddit", "x"],
        ["linkedin", "reddit", "x"],
    ]
    assert [(one["field"], one["code"]) for one in warnings] == [
        ("music_url", "NOT_FOR_ALL"),
        ("tiktok", "NOT_FOR_ALL"),
    ]
    assert warnings[0]["message"].endswith("not to b")


def test_a_single_part_keeps_everything():
    [part], warnings = parted([Part(BLOCKS, [wanted("b", "x")])], {"gv": {"tiktok"}})
    assert (part.content is BLOCKS, warnings) == (True, [])


@pytest.mark.parametrize(
    ("lacks", "kept"), [(["two"], [True, False]), (["gv", "two"], [True, True]), ([], [True, True])]
)
def test_a_field_goes_where_its_partner_has_a_place_for_it_and_stays_where_none_has(lacks, kept):
    music = {"music_url": "https://a.example/"}
    given = [Part(music, [wanted("a")]), Part(music, [wanted("b", partner="two")])]

    parts, _ = parted(given, {name: {"music_url"} for name in lacks})

    assert ["music_url" in part.content for part in parts] == kept


@pytest.mark.parametrize(
    ("ago", "warned", "late"),
    [(-60, False, False), (0, False, False), (1, True, False), (300, True, False), (301, True, True)],
)
def test_a_schedule_may_have_passed_by_a_little(ago, warned, late):
    at = NOW - timedelta(seconds=ago)
    fault = lateness(at, NOW)

    assert bool(passed(at, NOW)) is warned
    assert (fault is not None) is late
    assert fault is None or (fault.limit, fault.found, fault.unit) == (LATEST.seconds, ago, "seconds")


def test_no_schedule_is_never_late():
    assert (lateness(None, NOW), passed(None, NOW)) == (None, [])


def test_a_fault_as_a_warning_keeps_its_numbers():
    fault = Fault("caption", "has 9", "Send at most 5.", limit=5, found=9, unit="characters", target="gv:a")

    assert as_warnings([fault], "PREFLIGHT") == [
        {"field": "caption", "code": "PREFLIGHT", "message": "has 9. Send at most 5."}
        | {"limit": 5, "found": 9, "unit": "characters", "target": "gv:a"}
    ]


@pytest.mark.parametrize(
    ("key", "external_id", "known_by"),
    [("k", "x", "key:k"), (None, "x", "id:x"), ("", None, None), ("x", None, "key:x")],
)
def test_a_key_beats_the_callers_own_id(key, external_id, known_by):
    assert dedupe_key(key, external_id) == known_by


def test_an_account_that_was_never_listed_has_no_platform():
    assert (known(wanted("a", "")).platform, known(wanted("a", "x")).platform) == ("", "x")


def test_a_post_that_is_refused_tells_every_fault():
    step = a_step()
    faults = [Fault("caption", "is too long"), Fault("media", "is missing", "Send one.")]

    refuse_post(step, an_unsent(), faults)

    found = told(step, "post.rejected")
    assert (found["reason"], found["errors"]) == ("invalid", [fault.wire() for fault in faults])
    assert found["error"] == "caption is too long; media is missing. Send one."
