"""Where a card goes: a channel, in the one chat or in the one that is named."""

import pytest

from bridge.core.chats import card
from bridge.core.inbound import Card


@pytest.mark.parametrize(
    ("place", "chats", "found"),
    [
        ("#social", ["team"], Card("team", "#social")),
        ("C0123ABC", ["team"], Card("team", "C0123ABC")),
        ("team:#social", ["team"], Card("team", "#social")),
        ("brand:#social", ["team", "brand"], Card("brand", "#social")),
        ("#größe-1", ["team"], Card("team", "#größe-1")),
    ],
)
def test_a_place_is_a_channel_of_one_chat(place, chats, found):
    assert card(place, chats) == found


@pytest.mark.parametrize(
    ("place", "chats", "problem", "remedy"),
    [
        ("#social", [], "needs a source of the kind slack with a bot_token", "Add one"),
        ("#social", ["team", "brand"], "may be in any of 2 sources", "Name one: brand:#social, team:#social."),
        ("tem:#social", ["team"], "'tem' is not a source of the kind slack with a bot_token", "Write team."),
        (":#social", ["team"], "'' is not a source", "team"),
        ("social", ["team"], "'social' is no channel of Slack", "Write #social"),
        ("#Two words", ["team"], "'#Two words' is no channel", "such as C0123ABC"),
    ],
)
def test_any_other_place_is_told_with_a_remedy(place, chats, problem, remedy):
    with pytest.raises(ValueError, match="\n") as caught:
        card(place, chats)

    told, _, do = str(caught.value).partition("\n")
    assert (problem in told, remedy in do) == (True, True), (told, do)
