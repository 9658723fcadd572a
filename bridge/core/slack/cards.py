"""The message in Slack that follows an event: what it is now, its text, each account, and what can be done.

A face is made of what is true now alone, so making it twice gives the same. Sources, read 2026-11:
https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/messaging/formatting-message-text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.core.block_kit import (
    MOST_IN_ALL,
    Block,
    context,
    cut,
    image,
    instant,
    length,
    link,
    mention,
    passage,
    plain,
    section,
)
from bridge.core.errors import FailureReason
from bridge.core.holding import was_let_go
from bridge.core.inbound import CARD
from bridge.core.model import Command, CommandKind, Event, Intent, Message, Post, PostState, TargetState, WorkState
from bridge.core.slack.buttons import Commands, as_asked, buttons, has_held_change
from bridge.core.slack.pictures import count_of, pictures
from bridge.core.slack.reasons import SENTENCES, why_nothing
from bridge.core.slack.rows import rows, rows_shown
from bridge.core.slack.standing import QUIET, Word, has_ended, has_links, word_of
from bridge.core.states import UNSETTLED

_MOST_CAPTION, _MOST_PREVIEW, _MOST_WHY = 400, 2_900, 700
_SMALL, _ROWS = 300, 1_500
"""How much of a message, in JSON, is left over, and is kept for the lines of accounts, whatever else there is."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a message shows. `text` is what notifications show of it.

    `word` is one of `standing.Word`. `telling` says that it is worth a message of its own where messages cannot be
    replaced; `ended` that nothing more changes by itself, nor waits for a person; `linked` that it is posted, and has
    the addresses where.
    """

    text: str
    blocks: tuple[Block, ...]
    word: str
    telling: bool
    ended: bool
    linked: bool = False

    @property
    def noted(self) -> str:
        """What stands for it once it was told: addresses that come later are told once more."""
        return f"{self.word}{_LINKED}" if self.linked else self.word


_LINKED = ":linked"
_HEADLINES = {
    Word.ACCEPTED: "⏳ Accepted: it goes out shortly",
    Word.HELD: "⏸️ Held for a while before it goes out",
    Word.WAITING: "✋ Waits for somebody to act",
    Word.DRAFT: "📝 Kept as a draft",
    Word.SCHEDULED: "🗓️ Scheduled",
    Word.PUBLISHING: "📤 Being published",
    Word.RETRYING: "🔁 Failed for now, and is tried again",
    Word.POSTED: "✅ Posted",
    Word.PARTIAL: "🟠 Posted in part",
    Word.FAILED: "🔴 Failed",
    Word.REJECTED: "🔴 Not posted",
    Word.CANCELED: "🚫 Canceled",
    Word.VANISHED: "❔ Gone without our doing",
    Word.UNKNOWN: "❔ Nobody knows whether it is live",
    Word.IGNORED: "Nothing was posted",
}
_DEEDS = {CommandKind.UPDATE: ("Changed", "Change asked for"), CommandKind.CANCEL: ("Canceled", "Cancel asked for")}
"""What is called so once its partner did it, and while it is asked to."""

_ERASED = "What it said was erased."
_SAID, _LEAST = "said:", 100
_NOT_TAKEN = "The edit was not taken"
_APPROVAL, _CHANGE = "✋ Waits for approval", "✋ A change waits for approval"


def face(
    message: Message,
    event: Event,
    posts: Sequence[Post],
    now: datetime,
    *,
    commands: Commands,
    approvers: Sequence[str] = (),
    images: bool = True,
) -> Face:
    """Return what a message shows of an event and what was made of it.

    Args:
        message: whose message it is; a card shows all of the text, and the images.
        event: what was asked for.
        posts: all that was made of it.
        now: the instant of showing.
        commands: all commands of these posts: no button is there that every post would refuse.
        approvers: ids of those who may approve, as a card names them; none says nothing of it.
        images: whether a card shows images. Slack refuses a message with one that it cannot fetch.
    """
    asks = any(has_held_change(post, commands.get(post.id, ())) for post in posts)
    word = Word.WAITING if asks else word_of(event, posts)
    title = _CHANGE if asks and not any(_parked(posts)) else _headline(word, posts)
    if event.intent is Intent.UPDATE and word is Word.IGNORED:
        title = _NOT_TAKEN
    pressed = list(buttons(message.id, posts, commands, now))
    posts = [as_asked(post, commands.get(post.id, ())) for post in posts]
    lines = [*_times(posts, commands, now), *_whys(event, posts)]
    small = [*_deeds(message, posts, commands), *_small(message, event, posts, approvers, waits=asks)]
    end: list[Block] = [{"type": "actions", "block_id": "do", "elements": pressed}] if pressed else []
    end.append(context("about", cut(" · ".join(small), 800)))
    why = [section("why", [cut("\n".join(lines), 2_900)])] if lines else []
    left = MOST_IN_ALL - _SMALL - _size([*why, *end])
    blocks = _slimmed(_blocks(message, event, posts, title, images=images and message.kind == CARD), left - _ROWS)
    blocks += [*why, *rows_shown(rows(posts), left - _size(blocks))]
    erased = bool(posts) and not any(post.content for post in posts)
    said = " — ".join(filter(None, [title, _ERASED if erased else plain(_caption_of(event, posts), 200)]))
    linked = word in (Word.POSTED, Word.PARTIAL) and has_links(posts)
    told = (f"{word}{_LINKED}",) if linked else (word, f"{word}{_LINKED}")
    return Face(
        text=said,
        blocks=(*blocks, *end),
        word=word,
        telling=not message.said or (word not in QUIET and message.said not in told),
        ended=has_ended(event, posts),
        linked=linked,
    )


def _size(blocks: Iterable[Block]) -> int:
    return sum(length(block) + 1 for block in blocks)


def _slimmed(blocks: Iterable[Block], most: int) -> list[Block]:
    """Return blocks with their quotations cut, the longest first, until all of them take no more than that."""
    made = list(blocks)
    while _size(made) > most and any(len(_quoted(block)) > _LEAST for block in made):
        place = max(range(len(made)), key=lambda one: len(_quoted(made[one])))
        text = _quoted(made[place])
        made[place] = section(str(made[place]["block_id"]), [cut(text, len(text) * 3 // 4)])
    return made


def _quoted(block: Block) -> str:
    text = block.get("text")
    return str(text["text"]) if isinstance(text, dict) and str(block["block_id"]).startswith(_SAID) else ""


def _headline(word: Word, posts: Sequence[Post]) -> str:
    rows = [row for post in posts for row in post.targets]
    if word is Word.PARTIAL:
        live = sum(row.state is TargetState.POSTED for row in rows)
        return f"{_HEADLINES[word]}: on {live} of {len(rows)} accounts"
    asks = any(post.reason is FailureReason.NEEDS_APPROVAL for post in _parked(posts))
    return _APPROVAL if asks and word is Word.WAITING else _HEADLINES[word]


def _parked(posts: Iterable[Post]) -> Iterator[Post]:
    return (post for post in posts if post.state is PostState.PARKED)


def _blocks(message: Message, event: Event, posts: Sequence[Post], title: str, *, images: bool) -> Iterator[Block]:
    """Give what it is now, and what is to be published."""
    asked = mention(message.user)
    yield section("now", [f"*{title}*" + (f"\nAsked for by {asked}" if asked and message.kind != CARD else "")])
    contents = [post.content for post in posts] if posts else [event.request]
    if posts and not any(contents):
        yield section("said", [f"_{_ERASED}_"])
        return
    most = _MOST_PREVIEW if message.kind == CARD else _MOST_CAPTION
    for place, (caption, platforms) in enumerate(_captions(contents, posts)):
        if place == 3:
            yield section("more", ["_There are more wordings, which are not shown here._"])
            break
        label = f"_For {plain(', '.join(platforms), 150)}:_" if platforms else ""
        room = (most if not place else most // 4) - len(label)
        yield section(f"{_SAID}{place}", filter(None, [label, passage(caption, room)]))
    first = next(filter(None, contents), {})
    shown = [str(first[name]) for name in ("url",) if first.get(name)]
    facts = [*(link(url, plain(url, 150)) for url in shown), *count_of(first.get("media"))]
    if facts:
        yield section("with", [" · ".join(facts)])
    if images:
        for place, url in enumerate(pictures(first.get("media"))):
            yield image(f"image:{place}", url, f"Image {place + 1} of the post")


def _captions(contents: Sequence[Any], posts: Sequence[Post]) -> list[tuple[str, list[str]]]:
    """Return each wording once, and the platforms that it is for where there is more than one."""
    found: dict[str, list[str]] = {}
    for place, content in enumerate(contents):
        caption = str(content.get("caption") or content.get("text") or content.get("title") or "")
        if caption.strip():
            targets = posts[place].targets if posts else ()
            platforms = found.setdefault(caption, [])
            platforms += [row.platform for row in targets if row.platform and row.platform not in platforms]
    return [(caption, platforms if len(found) > 1 else []) for caption, platforms in found.items()]


def _caption_of(event: Event, posts: Sequence[Post]) -> str:
    contents = [post.content for post in posts] if posts else [event.request]
    return next((caption for caption, _ in _captions(contents, posts)), "")


def _times(posts: Sequence[Post], commands: Commands, now: datetime) -> Iterator[str]:
    """Give when something goes out that has not gone yet."""
    ends = [
        command.due_at
        for post in _parked(posts)
        for command in commands.get(post.id, ())
        if command.state is WorkState.PARKED and command.reason is FailureReason.HELD
    ]
    if ends:
        yield f"*Goes out by itself:* {instant(min(ends))}"
    waits = (PostState.ACCEPTED, PostState.PARKED, PostState.SCHEDULED)
    times = [post.scheduled_at for post in posts if post.state in waits and post.scheduled_at is not None]
    if times:
        yield f"*{'Scheduled for' if min(times) > now else 'Was to go out'}:* {instant(min(times))}"


def _whys(event: Event, posts: Sequence[Post]) -> Iterator[str]:
    """Give each reason once, what to do and the words of whoever refused it; then what else is worth a look."""
    if not posts and event.reason:
        yield f"*Why:* {plain(why_nothing(event.reason), 500)}"
    told: dict[str, None] = {}
    for post in posts:
        if post.reason is not None and post.state in (PostState.PARKED, PostState.REJECTED, PostState.UNKNOWN):
            # Whatever the trouble was: what is to be done about such a post is to look for it.
            reason = FailureReason.UNKNOWN_OUTCOME if post.state is PostState.UNKNOWN else post.reason
            said = plain(post.error, 200) if post.error else ""
            told[SENTENCES[reason] + (f" _({said})_" if said else "")] = None
    if told:
        yield cut(f"*Why:* {' '.join(told)}", _MOST_WHY)
    if any(post.stuck and post.ended_at is None for post in posts):
        yield "*Note:* It takes longer than usual. The post is looked at until there is news of it."
    for warning in event.warnings[:3]:
        yield f"*Note:* {plain(warning.get('message') or '', 200)}"


def _deeds(message: Message, posts: Sequence[Post], commands: Commands) -> list[str]:
    """Return who decided what, the last ones."""
    done: dict[str, None] = {}
    for post in posts:
        made = commands.get(post.id, ())
        for command in made:
            by, deed = command.payload.get("by"), _deed(message, command, made)
            if by and deed:
                done[f"{deed} by {_person(str(by))}"] = None
    return list(done)[-3:]


def _person(by: str) -> str:
    """Return who did it: mentioned when it is somebody of the chat, whose id comes last (`ada (U0ADA)`)."""
    return mention(by.rpartition("(")[2].rstrip(")")) or plain(by, 80)


def _deed(message: Message, command: Command, made: Sequence[Command]) -> str:
    """Return what somebody did; empty for a change or cancel that came to nothing."""
    if command.reason is FailureReason.DROPPED and command.kind is not CommandKind.CANCEL:
        return "Dropped"
    if command.kind is CommandKind.UPDATE and was_let_go(command):
        return "Change approved"
    if command.kind in _DEEDS:
        done, asked = _DEEDS[command.kind]
        if command.state in UNSETTLED:
            return asked
        return done if command.state is WorkState.DONE and command.reason is None else ""
    if command.kind is CommandKind.PUBLISH and _is_first(command, made):
        return "Approved" if message.kind == CARD else "Sent"
    return "Retried"


def _is_first(command: Command, made: Sequence[Command]) -> bool:
    """Say whether nothing but media that had to be fetched was before it."""
    fetched = [one for one in made if one.kind is CommandKind.FETCH and one.number < command.number]
    return command.number == len(fetched) + 1 or was_let_go(command)


def _small(
    message: Message, event: Event, posts: Sequence[Post], approvers: Sequence[str], *, waits: bool
) -> Iterator[str]:
    """Give who may decide, where it came from, and the ids to find it by."""
    may = [shown for user in approvers[:10] if (shown := mention(user))]
    if message.kind == CARD and may and (waits or any(_parked(posts))):
        yield f"May approve: {', '.join(may)}"
    if event.source != message.source:
        yield f"From {plain(event.source, 80)}"
    yield plain(event.id, 60)
    yield from (plain(post.id, 60) for post in posts[:3])
    if len(posts) > 3:
        yield f"and {len(posts) - 3} more posts"
