"""Limits that an account advertises under names that nobody documents: any spelling counts, nothing else does."""

from dataclasses import replace

import pytest

from bridge.core.model import Account
from bridge.partners.genviral.capabilities import CAPTION, IMAGES, own_limit
from bridge.partners.genviral.config import Contract
from bridge.partners.genviral.limits import caption_limit, check
from tests.core.builders import NOW
from tests.partners.things import VIDEO


def an_account(capabilities: object, **more: str) -> Account:
    return Account("gv", "a", "x", "a", NOW, NOW, capabilities=capabilities, **more)


@pytest.mark.parametrize(
    ("capabilities", "limit"),
    [
        (None, None),
        ({}, None),
        ({"supported_content_kinds": ["video"]}, None),
        ({"caption_limit": 280}, 280),
        ({"captionLimit": 280}, 280),
        ({"max_caption_length": 280}, 280),
        ({"maxCaption": 280}, 280),
        ({"limits": {"caption": {"max": 280}}}, 280),
        ({"caption": {"max_length": 280}}, 280),
        ({"content": {"Caption-Length": 280}}, 280),
        ({"caption_limit": 280, "limits": {"caption_limit": 140}}, 140),
        ({"caption_limit": "280"}, None),
        ({"caption_limit": True}, None),
        ({"caption_limit": 0}, None),
        ({"caption_limit": -1}, None),
        ({"caption": 280}, None),
        ({"a": {"b": {"c": {"d": {"caption_limit": 280}}}}}, None),
    ],
)
def test_a_caption_limit_is_found_by_any_spelling(capabilities, limit):
    assert own_limit(an_account(capabilities), CAPTION) == limit


@pytest.mark.parametrize(
    "capabilities", [{"max_images": 4}, {"media": {"maxImages": 4}}, {"limits": {"slideshow": {"max_images": 4}}}]
)
def test_so_is_a_limit_of_images(capabilities):
    assert own_limit(an_account(capabilities), IMAGES) == 4


@pytest.mark.parametrize("contract", list(Contract))
def test_the_accounts_word_goes_before_every_table(contract):
    account = an_account({"caption_limit": 25_000}, type="hosted")

    assert caption_limit(account, "video", contract) == 25_000


def test_youtube_counts_bytes_whatever_its_limit():
    youtube = replace(an_account({"caption_limit": 10}), platform="youtube")
    [fault] = check({"caption": "ü" * 6, "media": VIDEO}, [youtube], contract=Contract.V3).faults

    assert (fault.limit, fault.found, fault.unit) == (10, 12, "bytes")


def test_each_account_is_judged_by_its_own_limit():
    small = an_account({"caption_limit": 3, "max_images": 1})
    urls = ["https://cdn.example.com/1.jpg"] * 2
    content = {"caption": "four", "media": {"type": "slideshow", "urls": urls}}

    found = check(content, [an_account(None), small], contract=Contract.V3).faults

    assert [(one.field, one.limit, one.found, one.unit, one.target) for one in found] == [
        ("caption", 3, 4, "characters", "gv:a"),
        ("media.urls", 1, 2, "images", "gv:a"),
    ]
