"""Thin senders, whatever they say: nothing that they send, and nothing that their APIs answer, is a fault of ours."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.model import Item
from bridge.ports import Call
from bridge.sources import build
from bridge.sources.notion import NotionRules
from bridge.sources.prismic import PrismicRules
from bridge.sources.storyblok import StoryblokRules
from tests.sources.thin import a_request, answer

SOURCES = {
    "storyblok": build("cms", "storyblok", StoryblokRules(auth="none", token="t")),
    "prismic": build("cms", "prismic", PrismicRules(auth="none")),
    "notion": build("cms", "notion", NotionRules(auth="none", token="t")),
}
WANTED = {"id": "x1", "ref": "r", "repository": "my-repo", "at": "2026-06-30T14:02:11.000Z"}
WORDS = (
    "action", "published", "story_id", "type", "api-update", "documents", "masterRef", "apiUrl", "page.created",
    "entity", "id", "verification_token", "text", "doc", "content", "filename", "a.jpg", "results", "data", "spans",
    "heading1", "dimensions", "url", "refs", "ref", "isMasterRef", "properties", "Status", "status", "name",
    "Published", "title", "plain_text", "rich_text", "cover", "external", "file", "image", "paragraph", "story",
    "tag_list", "tags", "body",
)  # fmt: skip
leaves = st.none() | st.booleans() | st.integers(-9, 2**53) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
trees = st.recursive(
    leaves | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(WORDS), trees, max_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES)
@given(body=objects | st.lists(objects, max_size=2))
def test_any_webhook_is_read(kind, body):
    for item in SOURCES[kind].read(SOURCES[kind].verify(a_request(orjson.dumps(body)))).items:
        assert isinstance(item, Item)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "before", "field"),
    [
        ("storyblok", (b"{}",), "story"),
        ("prismic", (), "results"),
        ("notion", (), "properties"),
        ("notion", (answer("notion/page.json"),), "results"),
    ],
)
@given(body=objects, inner=trees)
def test_any_answer_is_read_or_refused(kind, before, field, body, inner):
    for one in (body, body | {field: inner}, body | {field: [inner]}):
        try:
            found = SOURCES[kind].lookup(WANTED, (*before, orjson.dumps(one)))
        except Problem:
            continue
        assert isinstance(found, Item | Call)
        if isinstance(found, Item):
            texts = (found.title, found.body, found.excerpt, found.url, found.status, found.scheduled_at, found.note)
            assert all(isinstance(text, str) for text in (*texts, *found.images, *found.tags))
