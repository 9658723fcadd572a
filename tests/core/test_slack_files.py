"""Files that people share in Slack: what can be posted of them, and where the token that reads them goes."""

import pytest

from bridge.core.slack import Workspace
from bridge.core.slack.files import headers_for, media_of
from tests.core.builders import problem_of

FILE = "https://files.slack.com/files-pri/T1-F1/download/a.png"
CHAT = {"chat": Workspace(name="chat", bot_token="xoxb-1 "), "bare": Workspace(name="bare")}
PNG, MP4 = (
    {"mimetype": "image/png", "url_private": "https://f.x/p"},
    {"mimetype": "video/mp4", "url_private": "https://f.x/v"},
)


@pytest.mark.parametrize(
    "url",
    [
        *("http://files.slack.com/a", "https://files.slack.com.evil.example/a", "https://evil.example/files.slack.com"),
        *("https://files.slack.com@evil.example/a", "https://evil.example@files.slack.com/a", "https://slack.com/a"),
        *(
            "https://files.slack.com:8443/a",
            "https://x.files.slack.com/a",
            "https://files.slack.com\\@evil.example/",
            "https://[",
        ),
    ],
)
def test_the_token_goes_to_no_other_host(url):
    assert headers_for(CHAT, "chat", url) == {}


@pytest.mark.parametrize(("source", "sent"), [("chat", True), ("bare", False), ("blog", False), ("api", False)])
def test_the_token_reads_files_of_its_own_source_only(source, sent):
    assert headers_for(CHAT, source, FILE) == ({"Authorization": "Bearer xoxb-1"} if sent else {})


@pytest.mark.parametrize(
    ("api_url", "url", "sent"),
    [
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8080/files/a.png", True),
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8081/files/a.png", False),
        ("http://127.0.0.1:8080/api/", "https://127.0.0.1:8080/files/a.png", False),
        ("http://127.0.0.1:8080/api/", FILE, False),
        ("https://slack-gov.com/api/", "https://files.slack-gov.com/a", True),
        ("https://slack-gov.com/api/", FILE, False),
    ],
)
def test_the_host_of_the_files_is_that_of_the_api(api_url, url, sent):
    workspaces = {"chat": Workspace(name="chat", bot_token="xoxb-1", api_url=api_url)}

    assert bool(headers_for(workspaces, "chat", url)) is sent


@pytest.mark.parametrize(
    ("files", "media"),
    [
        (None, None),
        ([], None),
        ([PNG, PNG], {"type": "slideshow", "urls": ["https://f.x/p", "https://f.x/p"]}),
        ([MP4], {"type": "video", "url": "https://f.x/v"}),
        ([{**PNG, "url_private_download": "https://f.x/d"}], {"type": "slideshow", "urls": ["https://f.x/d"]}),
    ],
)
def test_files_are_media_by_what_slack_says_they_are(files, media):
    assert media_of(files) == media


@pytest.mark.parametrize(
    "files", [[PNG, MP4], [MP4, MP4], [{"mimetype": "image/png"}], [{"name": "a.pdf", "mimetype": "x/y"}]]
)
def test_what_cannot_be_posted_is_refused_or_left_out(files):
    assert problem_of(lambda: media_of(files)).errors[0].field == "media"
    assert media_of(files, strict=False) in (None, {"type": "video", "url": "https://f.x/v"})
