"""What a post must keep before it is sent: every published limit, at its edge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import Account
from bridge.partners._findings import length
from bridge.partners.genviral.config import Contract
from bridge.partners.genviral.limits import check, split
from tests.partners.things import MUSIC, VIDEO, account, sample

SLIDES: dict[str, Any] = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"]}
BOARD = {"board_id": "123"}
HOSTED = account("tiktok", type="hosted", id="hosted")


def faults(content: dict[str, Any], *accounts: Account, contract: Contract = Contract.V3) -> list[str]:
    whole = {"caption": "Hello", "media": VIDEO} | content
    return [fault.field for fault in check(whole, accounts or (account(),), contract=contract).faults]


def warned(content: dict[str, Any], *accounts: Account) -> list[str]:
    whole = {"caption": "Hello", "media": VIDEO} | content
    return [warning["code"] for warning in check(whole, accounts or (account(),), contract=Contract.V3).warnings]


@pytest.mark.parametrize(
    ("target", "media", "limit"),
    [
        (account("facebook"), VIDEO, 63206),
        (account("instagram"), VIDEO, 2200),
        (account("instagram-standalone"), VIDEO, 2200),
        (account("tiktok"), VIDEO, 2200),
        (account("tiktok"), SLIDES, 4000),
        (account("linkedin"), VIDEO, 3000),
        (account("linkedin-page"), VIDEO, 3000),
        (account("youtube"), VIDEO, 5000),
        (account("x"), VIDEO, 4000),
        (account("twitter"), VIDEO, 4000),
        (HOSTED, VIDEO, 500),
        (HOSTED, SLIDES, 500),
    ],
    ids=lambda value: value.platform if isinstance(value, Account) else None,
)
def test_caption_limit(target: Account, media: dict[str, Any], limit: int) -> None:
    assert faults({"caption": "a" * limit, "media": media}, target) == []
    assert faults({"caption": "a" * (limit + 1), "media": media}, target) == ["caption"]
    assert faults({"caption": "a" * 501, "media": media}, target, contract=Contract.V1) == ["caption"]


def test_pinterest_caption_counts_its_tags() -> None:
    pin = account("pinterest")
    assert faults({"caption": "a" * 800, "media": SLIDES, "pinterest": BOARD}, pin) == []
    assert faults({"caption": "a" * 801, "media": SLIDES, "pinterest": BOARD}, pin) == ["caption"]
    tagged = BOARD | {"tags": ["b" * 8]}
    assert faults({"caption": "a" * 790, "media": SLIDES, "pinterest": tagged}, pin) == []
    assert faults({"caption": "a" * 791, "media": SLIDES, "pinterest": tagged}, pin) == ["pinterest.tags"]


def test_emoji_counts_as_utf16_units_and_youtube_counts_bytes() -> None:
    assert faults({"caption": "😀" * 250}, HOSTED) == []
    assert faults({"caption": "😀" * 251}, HOSTED) == ["caption"]
    assert faults({"caption": "ü" * 2500}, account("youtube")) == []
    assert faults({"caption": "ü" * 2500 + "a"}, account("youtube")) == ["caption"]


def test_unlimited_networks_have_no_caption_fault() -> None:
    assert faults({"caption": "a" * 100_000}, account("threads"), account("bluesky")) == []


def test_published_caption_with_a_variation_selector_is_29_units() -> None:
    assert length(sample("create-slideshow")["request"]["body"]["caption"]) == len("3 looks for the long weekend ") + 2


def test_same_limit_is_told_once() -> None:
    assert faults({"caption": "a" * 2201}, account("tiktok"), account("tiktok", id="b"), account("instagram")) == [
        "caption"
    ]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({"caption": None}, ["caption"]),
        ({"caption": 7}, ["caption"]),
        ({"caption": ""}, []),
        ({"media": None}, ["media"]),
        ({"media": {"type": "image"}}, ["media.type"]),
        ({"media": "https://a.example/b.mp4"}, ["media.type"]),
        ({"media": {"type": "video"}}, ["media.url"]),
        ({"media": {"type": "video", "url": "ftp://a.example/b.mp4"}}, ["media.url"]),
        ({"media": {"type": "video", "url": "https://[bad"}}, ["media.url"]),
        ({"media": {"type": "video", "url": "https://a.example/b.jpg"}}, ["media.url"]),
        ({"media": {"type": "video", "url": "https://a.example/b.MOV?x=1"}}, []),
        ({"media": {"type": "video", "url": "https://a.example/download"}}, []),
        ({"media": VIDEO | {"bytes": 100_000_000}}, ["media.bytes"]),
        ({"media": VIDEO | {"size": 99_999_999}}, []),
        ({"media": {"type": "slideshow"}}, ["media.urls"]),
        ({"media": {"type": "slideshow", "urls": []}}, ["media.urls"]),
        ({"media": {"type": "slideshow", "urls": SLIDES["urls"] * 35}}, []),
        ({"media": {"type": "slideshow", "urls": SLIDES["urls"] * 36}}, ["media.urls"]),
        ({"media": SLIDES | {"urls": ["x", "https://a.example/b.svg"]}}, ["media.urls[0]", "media.urls[1]"]),
        ({"music_url": MUSIC}, []),
        ({"music_url": "https://vm.tiktok.com/ZM1abc"}, []),
        ({"music_url": "https://open.example.com/track"}, ["music_url"]),
        ({"music_url": "https://www.tiktok.com.evil.example/@a/video/1"}, ["music_url"]),
        ({"music_url": 5}, ["music_url"]),
        ({"external_id": "a" * 128}, []),
        ({"external_id": "a" * 129}, ["external_id"]),
        ({"tiktok": "yes"}, ["tiktok"]),
        ({"tiktok": {"title": "a" * 2195}}, []),
        ({"tiktok": {"title": "a" * 2196}}, ["tiktok"]),
        ({"tiktok": {"title": "a" * 91}, "media": SLIDES}, ["tiktok.title"]),
        ({"tiktok": {"description": "a" * 4001}, "media": SLIDES}, ["tiktok.description"]),
        ({"tiktok": {"title": 3}}, ["tiktok.title"]),
        ({"tiktok": {"post_mode": "MEDIA_UPLOAD"}}, ["tiktok.post_mode"]),
        ({"tiktok": {"post_mode": "MEDIA_UPLOAD"}, "media": SLIDES}, []),
        ({"tiktok": {"video_cover_timestamp_ms": 1}}, []),
        ({"tiktok": {"video_cover_timestamp_ms": 1}, "media": SLIDES}, ["tiktok.video_cover_timestamp_ms"]),
        ({"tiktok": {}, "media": None}, ["media", "tiktok"]),
        ({"pinterest": BOARD}, ["pinterest"]),
        ({"settings": []}, ["settings"]),
        ({"settings": {"myspace": {}}}, ["settings.myspace"]),
        ({"settings": {"tiktok": {}, "pinterest": {}}}, ["settings.tiktok", "settings.pinterest"]),
        ({"settings": {"youtube": "private"}}, ["settings.youtube"]),
        ({"caption": None, "media": None, "music_url": "x"}, ["caption", "media", "music_url"]),
    ],
)  # fmt: skip
def test_fault_names_its_field(content: dict[str, Any], fields: list[str]) -> None:
    assert faults(content) == fields


def test_no_account_is_a_fault() -> None:
    assert [fault.field for fault in check({"caption": "a", "media": VIDEO}, [], contract=Contract.V3).faults] == [
        "accounts"
    ]


def test_text_alone_needs_accounts_that_all_say_so() -> None:
    x, silent = account("x", kinds=["text_only"]), account("threads", kinds=None)
    assert faults({"media": None}, x) == []
    assert faults({"media": None}, x, silent) == ["media"]
    assert faults({"media": None}, x, contract=Contract.V1) == ["media"]


def test_blocks_need_their_platform() -> None:
    pin, youtube = account("pinterest"), account("youtube")
    assert faults({"tiktok": {"title": "a"}}, youtube) == ["tiktok"]
    assert faults({"tiktok": {"title": "a"}}, account("tiktok"), HOSTED) == ["tiktok"]
    assert faults({"media": SLIDES}, pin) == ["pinterest.board_id"]
    long = {"board_id": "b" * 129, "title": "t" * 101, "link": "l" * 2049}
    assert faults({"media": SLIDES, "pinterest": long}, pin) == [
        "pinterest.board_id", "pinterest.title", "pinterest.link",
    ]  # fmt: skip
    assert faults({"media": SLIDES, "pinterest": BOARD | {"tags": ["a"] * 31}}, pin) == ["pinterest.tags"]
    assert faults({"media": SLIDES, "pinterest": BOARD | {"tags": ["", "a" * 101, 3]}}, pin) == [
        "pinterest.tags[0]", "pinterest.tags[1]", "pinterest.tags[2]",
    ]  # fmt: skip
    assert faults({"settings": {"youtube": {"title": "a" * 101}}}, youtube) == ["settings.youtube.title"]
    assert faults({"music_url": MUSIC}, youtube) == ["music_url"]


@pytest.mark.parametrize("name", ["tiktok", "pinterest", "settings"])
def test_contract_v1_knows_no_blocks(name: str) -> None:
    assert faults({name: {"youtube": {}}}, account("tiktok"), account("pinterest"), contract=Contract.V1) == [name]
    assert faults({name: {}}, contract=Contract.V1) == []


def test_what_the_partner_may_take_is_only_warned_of() -> None:
    assert warned({"media": VIDEO | {"duration_sec": 90}}) == ["DURATION_UNUSUAL"]
    assert warned({"caption": "a" * 281}, account("x")) == ["X_PREMIUM_ONLY"]
    assert warned({"media": {"type": "video", "url": VIDEO["url"]}}, account("x")) == ["X_DURATION"]
    assert warned({"media": SLIDES}, account("youtube", kinds=["video"])) == ["KIND_NOT_ADVERTISED"]
    assert warned({"music_url": MUSIC}, account("tiktok"), account("instagram")) == ["TIKTOK_ONLY"]
    assert warned({"tiktok": {"title": "a"}}, account("tiktok"), account("instagram")) == ["TIKTOK_ONLY"]
    assert warned({"settings": {"youtube": {"coverUrl": "a"}}}, account("youtube")) == ["UNKNOWN_FIELD"]
    assert warned({"settings": {"youtube": {}}}) == ["NOT_TARGETED"]


ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
FIELDS = st.sampled_from(["caption", "media", "music_url", "tiktok", "pinterest", "settings", "external_id"])


@given(st.dictionaries(FIELDS, ANY_VALUE))
def test_any_content_is_judged_without_an_error(content: dict[str, Any]) -> None:
    for contract in Contract:
        check(content, [account("tiktok"), account("pinterest"), account("youtube")], contract=contract)


def groups(content: dict[str, Any], *accounts: Account) -> list[list[str]]:
    return [[one.id for one in group] for group in split(content, accounts)]


def test_plain_post_is_one_request() -> None:
    assert groups({}, account("tiktok"), account("instagram"), account("pinterest")) == [
        ["id-tiktok", "id-instagram", "id-pinterest"]
    ]


def test_more_than_ten_accounts_are_more_requests() -> None:
    many = [account("x", id=str(n)) for n in range(23)]
    assert [len(group) for group in split({}, many)] == [10, 10, 3]
    assert [one for group in split({}, many) for one in group] == many


@pytest.mark.parametrize("content", [{"tiktok": {"title": "a"}}, {"music_url": MUSIC}])
def test_what_is_for_tiktok_alone_goes_apart(content: dict[str, Any]) -> None:
    accounts = [account("instagram"), account("tiktok"), account("youtube"), account("tiktok", id="second")]
    assert groups(content, *accounts) == [["id-instagram", "id-youtube"], ["id-tiktok", "second"]]


def test_both_blocks_make_three_requests() -> None:
    content = {"tiktok": {"title": "a"}, "pinterest": BOARD}
    assert groups(content, account("tiktok"), account("pinterest"), account("x")) == [
        ["id-tiktok"],
        ["id-pinterest"],
        ["id-x"],
    ]


@given(
    st.lists(st.sampled_from(["tiktok", "pinterest", "instagram", "x"]), max_size=40),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_split_loses_and_doubles_nobody(platforms: list[str], tiktok: bool, pinterest: bool, music: bool) -> None:
    accounts = [account(platform, id=str(n)) for n, platform in enumerate(platforms)]
    content = {
        "tiktok": {"title": "a"} if tiktok else None,
        "pinterest": BOARD if pinterest else None,
        "music_url": music and MUSIC,
    }
    made = split(content, accounts)
    assert sorted(one.id for group in made for one in group) == sorted(one.id for one in accounts)
    assert all(1 <= len(group) <= 10 for group in made)
