"""What an address and the first bytes of a file say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.media import (
    ENDINGS,
    HEAD,
    addresses,
    ending,
    filename,
    is_private,
    is_signed,
    is_video,
    moved,
    place,
    sniff,
)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, ()),
        ({"media": None}, ()),
        ({"media": {"type": "video", "url": "https://a.example/v.mp4"}}, ("https://a.example/v.mp4",)),
        ({"media": {"type": "slideshow", "urls": ["u", "v", "u"]}}, ("u", "v")),
        ({"media": {"type": "slideshow", "urls": None}}, ()),
        ({"media": {"type": "video", "url": None}}, ()),
    ],
)
def test_the_addresses_of_a_post_are_found_in_order_each_once(content, found):
    assert addresses(content) == found


def test_a_video_is_told_from_images():
    assert is_video({"media": {"type": "video", "url": "u"}})
    assert not is_video({"media": {"type": "slideshow", "urls": ["u"]}})
    assert not is_video({})


def test_stored_media_are_named_by_their_new_addresses_and_the_rest_stays():
    assert moved({"type": "video", "url": "a", "duration_sec": 3}, {"a": "A"}) == {
        "type": "video",
        "url": "A",
        "duration_sec": 3,
    }
    assert moved({"type": "slideshow", "urls": ["a", "b"]}, {"b": "B"})["urls"] == ["a", "B"]


@pytest.mark.parametrize(
    "url",
    [
        "https://b.s3.amazonaws.com/a.jpg?X-Amz-Algorithm=AWS4&X-Amz-Expires=900&X-Amz-Signature=abc",
        "https://storage.googleapis.com/b/a.jpg?X-Goog-Signature=abc",
        "https://d1.cloudfront.net/a.mp4?Expires=1700000000&Signature=x&Key-Pair-Id=K",
        "https://acct.blob.core.windows.net/c/a.jpg?sv=2024&se=2026-01-01&sig=x%3D",
        "https://cdn.example.com/a.jpg?token=abc",
        "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3",
        "https://scontent.cdninstagram.com/a.jpg?oh=1&oe=2",
        "https://cdn.example.com/a.jpg?signature",
    ],
)
def test_signed_addresses_are_known_by_their_query(url):
    assert is_signed(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.com/a.jpg",
        "https://cdn.example.com/signature/a.jpg?w=100&v=2",
        "https://a.example/?x=token",
    ],
)
def test_other_addresses_are_not(url):
    assert not is_signed(url)


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True), ("nas", True), ("nas.local", True), ("cms.corp.internal", True), ("box.lan.", True),
        ("127.0.0.1", True), ("10.1.2.3", True), ("[::1]", True), ("[fd00::1]", True), ("169.254.169.254", True),
        ("files.slack.com", True), ("files.slack-gov.com", True), ("a.files.slack.com", False),
        ("8.8.8.8", False), ("[2606:4700::1111]", False), ("cdn.example.com", False), ("internal.example.com", False),
    ],
)  # fmt: skip
def test_hosts_that_no_partner_can_reach_are_known_by_their_name(host, private):
    assert is_private(f"https://{host}:8443/a.jpg") is private


def test_only_the_host_of_an_address_is_shown():
    assert place("https://user:pw@cdn.example.com:8443/a/b.jpg?token=x") == "cdn.example.com"


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("https://a.example/x/Summer%20Sale.webp?w=1", "image/jpeg", "Summer-Sale.jpg"),
        ("https://a.example/", "video/mp4", "media.mp4"),
        ("https://a.example/..%2f..%2fetc%2fpasswd", "image/png", "passwd.png"),
        ("https://a.example/äöü.png", "image/png", "media.png"),
        (f"https://a.example/{'x' * 200}.png", "image/png", f"{'x' * 60}.png"),
    ],
)
def test_a_file_gets_a_plain_name(url, kind, name):
    assert filename(url, kind) == name


def test_an_ending_is_that_of_the_path():
    assert (ending("https://a.example/B.WebP?f=.jpg"), ending("https://a.example/b")) == (".webp", "")


def box(major: bytes, *also: bytes) -> bytes:
    brands = major + bytes(4) + b"".join(also)
    return (8 + len(brands)).to_bytes(4) + b"ftyp" + brands + bytes(40)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"II*\0\x08", "image/tiff"),
        (b"MM\0*\0", "image/tiff"),
        (b"BM\x00\x01", "image/bmp"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x88matroska", None),
        (box(b"isom", b"mp42"), "video/mp4"),
        (box(b"qt  "), "video/quicktime"),
        (box(b"M4V "), "video/x-m4v"),
        (box(b"heic", b"mif1"), "image/heic"),
        (box(b"avif", b"mif1"), "image/avif"),
        (box(b"mif1", b"avif"), "image/avif"),
        (box(b"mif1", b"heic"), "image/heic"),
        (b"<html>", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head, kind):
    assert sniff(head[:HEAD]) == kind


@given(st.binary(max_size=HEAD))
def test_any_bytes_are_something_known_or_nothing(head):
    assert sniff(head) in {None, *ENDINGS}
