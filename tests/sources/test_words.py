"""What words of events and statuses mean, as people and tools write them."""

import pytest

from bridge.sources._words import intent_of, is_withdrawn, meaning


@pytest.mark.parametrize(
    ("word", "intent"),
    [
        ("publish", "publish"), ("post.published", "publish"), ("Post Published", "publish"),
        ("postPublished", "publish"),
        ("live", "publish"), ("item.live", "publish"), ("post", "publish"), ("republished", "publish"),
        ("draft_to_publish", "publish"), ("Publish to LinkedIn", "publish"), ("release.released", "publish"),
        ("entry.scheduled", "schedule"), ("published.edited", "update"), ("update_published_post", "update"),
        ("delete_post", "delete"), ("deletePost", "delete"), ("entry_deleted", "delete"), ("trash_post", "delete"),
        ("unpublish_post", "unpublish"), ("post.unpublished", "unpublish"), ("test_post_published", "test"),
        ("draft_post", "ignore"),
    ],
)  # fmt: skip
def test_a_word_of_an_event_means_what_people_take_it_for(word, intent):
    assert meaning(word) == intent


@pytest.mark.parametrize(
    "word",
    [
        "comment_post", "comment_published", "not_live", "Not published", "un-published", "ready to publish",
        "publish_failed", "failed_publish", "publish.cancelled", "cancel_publish", "publish_requested", "will_publish",
        "before_publish", "deleted_post_meta", "pre-release", "post_now", "page.viewed", "",
    ],
)  # fmt: skip
def test_what_only_holds_such_a_word_means_nothing(word):
    assert meaning(word) is None


@pytest.mark.parametrize("status", ["Not published", "in review", "private", "draft", "archived", "rejected"])
def test_a_status_that_does_not_say_so_is_not_out(status):
    assert is_withdrawn(status)
    assert not is_withdrawn("Published")
    assert not is_withdrawn("")


@pytest.mark.parametrize(
    "said",
    [
        {"status": "draft"}, {"status": ["Draft", "Featured"]}, {"status": [{"name": "Draft"}]},
        {"status": {"slug": "draft", "id": 3}}, {"status": {"title": "Draft"}}, {"status": {"odd": 1}},
        {"status": ["Published", "Draft"]}, {"event": ["published", "commented"]}, {"event": {"odd": "x"}},
        {"event": "publish", "status": "draft"}, {"draft": True}, {"draft": "draft"}, {"draft": {"value": True}},
        {"draft": "y"}, {"draft": 2}, {"published_at": "no"}, {"published_at": "draft"}, {"event": "new_post"},
    ],
)  # fmt: skip
def test_what_is_there_and_does_not_say_that_it_is_out_publishes_nothing(said):
    intent, _ = intent_of(said)

    assert intent == "ignore"


@pytest.mark.parametrize(
    "said",
    [
        {}, {"status": "Published"}, {"status": ["Published"]}, {"status": {"name": "Published"}}, {"draft": False},
        {"draft": "no"}, {"published_at": "yes"}, {"event": "new_post", "status": "publish"},
        {"event": "wp_insert_post", "status": "Published"}, {"event": {"type": "post.published"}},
        {"event": "transition_post_status", "status": "publish"},
    ],
)  # fmt: skip
def test_what_says_nothing_else_is_published(said):
    assert intent_of(said) == ("publish", "")


def test_of_several_words_of_an_event_one_that_takes_away_counts():
    assert intent_of({"event": {"type": "post.deleted"}})[0] == "delete"
    assert intent_of({"event": ["published", "deleted"]})[0] == "delete"
