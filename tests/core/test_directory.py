"""From words to accounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.directory import (
    Directory,
    NamedAccount,
    may_use,
    partner_external_id,
    resolve,
    targets,
)
from bridge.core.model import AccountState
from tests.core.builders import an_account

NAMES = (
    NamedAccount("brand-a", "gv", id="a"),
    NamedAccount("brand-b", "gv", platform="tiktok", username="user-b"),
    NamedAccount("lost", "gv", id="never"),
    NamedAccount("nobody", "gv", platform="x", username="nobody"),
)
ACCOUNTS = {
    one.key: one
    for one in (
        an_account("a"),
        an_account("b"),
        an_account("old", replaced_by="c", username="user-c", state=AccountState.REMOVED),
        an_account("c"),
        an_account("gone", state=AccountState.REMOVED),
        an_account("out", state=AccountState.DISCONNECTED),
    )
}
KNOWN = Directory(ACCOUNTS, NAMES, frozenset({"gv"}), ("gv",))
NEW = Directory({}, NAMES, frozenset(), ("gv",))


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["brand-a"], ["a"]),
        (["brand-*"], ["a", "b"]),
        (["brand-a", "a", "gv:a"], ["a"]),
        (["gv:b"], ["b"]),
        (["c", "old"], ["c"]),
        (["gv:old"], ["c"]),
        (["out"], ["out"]),
    ],
)
def test_words_mean_accounts_once_each(words, ids):
    wanted, faults, refused = resolve(words, KNOWN, ())

    assert ([one.id for one in wanted], faults, refused) == (ids, [], [])


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("typo", "'typo' is no account that we know"),
        ("x" * 99, f"'{'x' * 60}' is no account that we know"),
        ("zz*", "'zz*' is no account that we know"),
        ("nobody", "'nobody' is no account that we know"),
        ("gv:typo", "'gv:typo' is no account that we know"),
        ("other:a", "'other:a' is no account that we know"),
        ("lost", "'lost' was never seen at gv"),
        ("gone", "'gone' was removed at gv"),
    ],
)
def test_a_word_that_means_nothing_is_a_fault_at_its_place(word, problem):
    wanted, [fault], refused = resolve(["brand-a", word], KNOWN, ())

    assert ([one.id for one in wanted], fault.field, fault.problem, refused) == (["a"], "accounts[1]", problem, [])


def test_before_the_first_listing_an_id_is_believed_and_a_name_without_one_is_not():
    assert [(one.id, one.account, one.active) for one in NEW.find("some-id")] == [("some-id", None, True)]
    assert [one.id for one in NEW.find("brand-a")] == ["a"]
    assert [one.id for one in NEW.find("gv:x")] == ["x"]
    assert NEW.find("brand-b") == []
    assert Directory(partners=("gv", "pe")).find("some-id") == []


@pytest.mark.parametrize(
    ("directory", "word", "found", "unread"),
    [
        (NEW, "brand-b", False, True),
        (NEW, "brand-a", True, False),
        (NEW, "brand-*", True, True),
        (NEW, "typo*", False, True),
        (KNOWN, "typo", False, False),
        (KNOWN, "nobody", False, False),
    ],
)
def test_what_a_listing_may_still_tell(directory, word, found, unread):
    assert directory.unread(word, found=found) is unread


@pytest.mark.parametrize(
    ("words", "allowed", "ids", "refused"),
    [
        (["brand-a"], ["brand-*"], ["a"], []),
        (["a"], ["brand-a"], ["a"], []),
        (["brand-b"], ["gv:b"], ["b"], []),
        (["brand-b", "brand-a"], ["brand-a"], ["a"], ["brand-b"]),
        (["brand-*"], ["brand-a"], ["a"], []),
        (["out"], ["brand-*"], [], ["out"]),
    ],
)
def test_an_allow_list_refuses_names_and_narrows_globs(words, allowed, ids, refused):
    wanted, faults, denied = resolve(words, KNOWN, allowed)

    assert ([one.id for one in wanted], faults, denied) == (ids, [], refused)


def test_an_allow_list_without_patterns_allows_all():
    assert may_use(KNOWN.find("a")[0], ())


def test_targets_carry_name_and_platform_as_far_as_known():
    rows = targets([*KNOWN.find("brand-a"), *NEW.find("x")])

    assert [(row.account, row.name, row.platform) for row in rows] == [("a", "brand-a", "tiktok"), ("x", "", "")]


def test_a_circle_of_replacements_ends():
    ring = {one.key: one for one in (an_account("p", replaced_by="q"), an_account("q", replaced_by="p"))}

    assert Directory(ring).current("gv", "p") is not None
    assert Directory(ring).current("gv", "none") is None
    assert KNOWN.name_of("gv", "c") == ""


@given(
    st.lists(st.text(max_size=8) | st.sampled_from([*(n.name for n in NAMES), "*", "gv:a"])),
    st.sampled_from([KNOWN, NEW]),
)
def test_no_word_crashes_and_every_word_is_answered(words, directory):
    wanted, faults, refused = resolve(words, directory, ())

    assert not refused
    assert len({(one.partner, one.id) for one in wanted}) == len(wanted)
    assert all(
        directory.find(word)
        for place, word in enumerate(words)
        if f"accounts[{place}]" not in {f.field for f in faults}
    )


@given(st.text(min_size=1, max_size=128) | st.none(), st.integers(0, 500))
def test_what_a_partner_is_given_is_never_too_long_and_never_twice_the_same(caller_id, count):
    event_id = "evt_" + "0" * 28
    ids = [partner_external_id(caller_id, event_id, index) for index in range(min(count, 40))]

    assert all(len(one) <= 128 for one in ids)
    assert len(set(ids)) == len(ids)
    assert ids[:1] == [caller_id or event_id][: len(ids)]
