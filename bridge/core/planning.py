"""From an accepted request to its event and posts: which accounts get the same content, and what is plainly wrong.

What partners have to say of it is asked by the flow.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.core.captions import content_for, is_uniform
from bridge.core.directory import Wanted, partner_external_id, targets
from bridge.core.errors import FailureReason, Fault
from bridge.core.model import Account, Event, Json, Post
from bridge.core.nouns import noun
from bridge.core.platforms import family
from bridge.core.request import PublishRequest, invalid
from bridge.core.resume import reject
from bridge.core.rules import SourceRules
from bridge.core.step import Step

LATEST = timedelta(minutes=5)
"""How long a schedule may have passed for its post to go at once all the same."""

_BLOCKS = {"tiktok": "tiktok", "music_url": "tiktok", "pinterest": "pinterest"}
"""Field of a request -> the only platform it is for."""

_NEVER = datetime.fromtimestamp(0, UTC)


@noun(frozen=True, slots=True)
class Part:
    """Accounts of one partner that get the same content. `faults` say why it can never be sent.

    `caption_field` is where the caption came from: `caption`, or `captions.PLATFORM` as it was sent.
    """

    content: Json
    wanted: Sequence[Wanted]
    faults: tuple[Fault, ...] = ()
    caption_field: str = "caption"

    @property
    def partner(self) -> str:
        """The key that all accounts are of."""
        return self.wanted[0].partner

    @property
    def accounts(self) -> list[Account]:
        """The accounts as far as they are known."""
        return [known(item) for item in self.wanted]


def known(wanted: Wanted) -> Account:
    """Return the account; one whose key was never listed has no platform, so few rules apply to it."""
    if wanted.account is not None:
        return wanted.account
    return Account(wanted.partner, wanted.id, "", "", _NEVER, _NEVER)


def make_parts(request: PublishRequest, rules: SourceRules, wanted: Sequence[Wanted]) -> list[Part]:
    """Group the accounts by partner and by caption, in the order in which they are named.

    Without accounts there is one part without any: what is wrong with the caption is told all the same.
    """
    if is_uniform(request, rules):
        content, faults = content_for("", request, rules)
        names = dict.fromkeys([item.partner for item in wanted])
        if len(names) <= 1:
            return [Part(content, wanted, tuple(faults))]
        return [Part(content, [item for item in wanted if item.partner == name], tuple(faults)) for name in names]
    if not wanted:
        return [Part(request.content, [])]
    found: dict[tuple[str, str, tuple[Fault, ...]], Part] = {}
    for item in wanted:
        platform = item.account.platform if item.account else ""
        content, faults = content_for(platform, request, rules, item.partner)
        place = (item.partner, str(content.get("caption", "")), tuple(faults))
        part = found.get(place) or Part(content, [], tuple(faults), caption_field(request, item))
        found[place] = replace(part, wanted=[*part.wanted, item])
    return list(found.values())


def caption_field(request: PublishRequest, item: Wanted) -> str:
    """Return the field of a request that an account's caption was read from."""
    platform = family(item.account.platform) if item.account else ""
    own = (word for word in request.captions if family(word) == platform)
    return next((f"captions.{word}" for word in own), "caption")


def with_media(part: Part, media: Json, needing: Sequence[Wanted]) -> list[Part]:
    """Give these accounts of a part the media; the others keep what they have, in a part of their own."""
    rest = [item for item in part.wanted if item not in needing]
    filled = replace(part, content={**part.content, "media": media}, wanted=needing)
    return [filled, replace(part, wanted=rest)] if rest else [filled]


def parted(parts: Sequence[Part], lacks: Mapping[str, Collection[str]]) -> tuple[list[Part], list[Json]]:
    """Leave out of each part what only another part can use: blocks, music and settings; and warn of the first two.

    `lacks` are by key the fields that its partner has no place for. What no part can use stays where it is: the
    partners find fault with it.
    """
    if len(parts) == 1:
        return list(parts), []
    own = [{family(account.platform) for account in part.accounts} for part in parts]
    taken = {
        name
        for part, platforms in zip(parts, own, strict=True)
        for name in part.content.keys() & _BLOCKS.keys()
        if _BLOCKS[name] in platforms and name not in lacks.get(part.partner, ())
    }
    warnings: list[Json] = []
    found = []
    for part, platforms in zip(parts, own, strict=True):
        elsewhere = set() if "" in platforms else set().union(*own) - platforms
        gone = {name for name in taken if _BLOCKS[name] in elsewhere or name in lacks.get(part.partner, ())}
        warnings += (_not_for_all(name, part) for name in sorted(gone & part.content.keys()))
        found.append(_relevant(part, elsewhere, gone))
    return found, warnings


def _relevant(part: Part, elsewhere: set[str], gone: set[str]) -> Part:
    content = {name: value for name, value in part.content.items() if name not in gone}
    settings = content.get("settings")
    if isinstance(settings, Mapping):
        content["settings"] = {name: value for name, value in settings.items() if family(name) not in elsewhere}
    return replace(part, content=content)


def _not_for_all(field: str, part: Part) -> Json:
    first, more = part.wanted[0], len(part.wanted) - 1
    named = f"{first.name or first.id}{f' and {more} more' if more else ''}"
    text = f"goes only to the accounts that can use it, not to {named}"
    return {"field": field, "code": "NOT_FOR_ALL", "message": text}


def lateness(scheduled_at: datetime | None, now: datetime) -> Fault | None:
    """Return the fault of a schedule that has passed too long ago to be meant."""
    if scheduled_at is None or now - scheduled_at <= LATEST:
        return None
    seconds, limit = int((now - scheduled_at).total_seconds()), int(LATEST.total_seconds())
    remedy = f"Send a time to come, or none to publish now; up to {limit} s ago it goes at once."
    return Fault("scheduled_at", f"passed {seconds} s ago", remedy, limit=limit, found=seconds, unit="seconds")


def passed(scheduled_at: datetime | None, now: datetime) -> list[Json]:
    """Warn of a schedule that lies in the past."""
    if scheduled_at is None or scheduled_at >= now:
        return []
    text = f"{scheduled_at.isoformat()} has passed; the post goes out at once."
    return [{"field": "scheduled_at", "code": "SCHEDULE_PASSED", "message": text}]


def as_warnings(faults: Iterable[Fault], code: str) -> list[Json]:
    """Return faults as warnings of an event."""
    return [
        {
            **{name: value for name, value in fault.wire().items() if name not in ("problem", "remedy")},
            "code": code,
            "message": f"{fault.problem}. {fault.remedy}".strip(),
        }
        for fault in faults
    ]


def dedupe_key(key: str | None, external_id: str | None) -> str | None:
    """Return what an event is known again by: an explicit key beats the caller's `external_id`."""
    if key:
        return f"key:{key}"
    return f"id:{external_id}" if external_id else None


def make_post(
    step: Step,
    event: Event,
    request: PublishRequest,
    content: Json,
    group: Sequence[Wanted],
    *,
    index: int,
    commands: int = 0,
    hosted: Json | None = None,
) -> Post:
    """Return post number `index` of an event, for one group of accounts; `commands` and `hosted` as in `Post`."""
    return Post(
        id=step.moment.new_id("post"),
        event_id=event.id,
        partner=group[0].partner,
        external_id=partner_external_id(request.external_id, event.id, index),
        source=event.source,
        content=content,
        targets=targets(group),
        created_at=step.now,
        changed_at=step.now,
        wanted_at=request.scheduled_at or step.now,
        caller_id=request.external_id,
        correlation=request.correlation,
        traceparent=event.traceparent,
        scheduled_at=request.scheduled_at,
        hosted=hosted,
        commands=commands,
    )


def refuse_post(step: Step, post: Post, faults: Sequence[Fault]) -> None:
    """Add a post that will never be sent, and tell why."""
    told = [fault.wire() for fault in faults]
    reject(step, step.add(post), FailureReason.INVALID, invalid(faults).detail, errors=told)
