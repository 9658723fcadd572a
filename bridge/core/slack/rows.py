"""A line for each account of an event: how it fares there, its address once it is live, and why it failed."""

from collections.abc import Iterator, Mapping, Sequence

from bridge.core.block_kit import MOST_TEXT, Block, instant, length, link, plain, section
from bridge.core.model import Post, PostState, Target, TargetState
from bridge.core.slack.reasons import SENTENCES
from bridge.core.slack.standing import is_again

_LOOKS: Mapping[TargetState, tuple[str, str]] = {
    TargetState.WAITING: ("⏳", "waits"),
    TargetState.PUBLISHING: ("📤", "being published"),
    TargetState.POSTED: ("✅", "posted"),
    TargetState.DRAFT_DELIVERED: ("📥", "in the app's inbox: open the app there to post it"),
    TargetState.FAILED: ("🔴", "failed"),
    TargetState.CANCELED: ("🚫", "canceled"),
    TargetState.VANISHED: ("❔", "gone"),
    TargetState.UNKNOWN: ("❔", "not known"),
}
_WAITING: Mapping[PostState, tuple[str, str]] = {
    PostState.ACCEPTED: ("⏳", "goes out shortly"),
    PostState.REJECTED: ("🔴", "not posted"),
    PostState.DRAFT: ("📝", "draft"),
    PostState.SCHEDULED: ("🗓️", "scheduled"),
    PostState.PENDING: ("📤", "in the queue"),
    PostState.PUBLISHING: ("📤", "being published"),
    PostState.CANCELED: ("🚫", "canceled"),
    PostState.VANISHED: ("❔", "gone"),
    PostState.UNKNOWN: ("❔", "not known"),
}
"""How an account looks whose own row says no more than that it waits, by the state of its post."""

_FRAME = 120
"""How much of a message a section takes beside its text."""


def rows(posts: Sequence[Post]) -> list[tuple[str, str]]:
    """Return each account's line, and the word for how it fares, in the order of the posts."""
    return [_row(post, target) for post in posts for target in post.targets]


def rows_shown(lines: Sequence[tuple[str, str]], most: int) -> list[Block]:
    """Return as many lines as fit into so much of a message, in JSON, and how the others fare, in sections."""
    pages: list[list[str]] = []
    taken = 0
    for place, (line, _) in enumerate(lines):
        size, spent = len(line) + 1, length({"text": line})
        if taken + spent > most:
            return [*_sections(pages), section("rest", [_rest([word for _, word in lines[place:]])])]
        if not pages or sum(len(one) + 1 for one in pages[-1]) + size > MOST_TEXT:
            pages.append([])
            taken += _FRAME
        pages[-1].append(line)
        taken += spent
    return _sections(pages)


def _sections(pages: Sequence[Sequence[str]]) -> list[Block]:
    return [section(f"accounts:{place}", page) for place, page in enumerate(pages)]


def _rest(words: Sequence[str]) -> str:
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"_and {len(words)} more: {counted}_"


def _row(post: Post, target: Target) -> tuple[str, str]:
    sign, word = _LOOKS[target.state]
    if target.state is TargetState.WAITING:
        sign, word = _WAITING.get(post.state, (sign, word))
    sign = "🔁" if is_again(target) else sign
    name = plain(target.name or target.account, 80)
    platform = f" ({plain(target.platform, 30)})" if target.platform else ""
    state = link(target.url, word) if target.url else word
    return " ".join([f"{sign} *{name}*{platform}: {state}", *_more(target)]), word.partition(":")[0]


def _more(target: Target) -> Iterator[str]:
    """Give why an account failed, in plain words and then in those of its network, and what comes next."""
    if target.state is not TargetState.FAILED:
        return
    if target.reason is not None:
        yield f"– {SENTENCES[target.reason]}"
    if target.error:
        yield f"_({plain(target.error, 150)})_"
    if is_again(target):
        yield f"Tried again by itself {instant(target.retry_at)}." if target.retry_at else "Tried again by itself."
