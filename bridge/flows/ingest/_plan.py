"""What a request comes to: its event, its posts with their commands, and what is noticed on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256

from bridge.core.captions import not_targeted
from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.mapping import Wanted, resolve
from bridge.core.model import Account, Event, Intent, Json, Verified
from bridge.core.planning import (
    Part,
    as_warnings,
    dedupe_key,
    known,
    lateness,
    make_parts,
    make_post,
    parted,
    passed,
    refuse_post,
    with_media,
)
from bridge.core.publishing import park_for_account
from bridge.core.request import PublishRequest, invalid
from bridge.core.rules import SourceRules
from bridge.core.step import Moment, Step
from bridge.flows import Kit
from bridge.ports import Acceptance, Parsed

API = "api"
"""The built-in source. Its callers read what they are answered; those of any other source get a 200 and events."""

MENDED_AFTER = timedelta(minutes=10)
"""How long the repetition of an event that made no post tells nothing new."""

_COME_BACK = timedelta(seconds=5)


@dataclass(slots=True)
class _Judged:
    """The parts of a request with their faults, and what was noticed."""

    warnings: list[Json]
    parts: list[Part] = field(default_factory=list)

    def warn(self, warnings: Iterable[Json]) -> None:
        """Note warnings, each once."""
        self.warnings += (warning for warning in warnings if warning not in self.warnings)


def make_event(
    kit: Kit, verified: Verified, parsed: Parsed, request: PublishRequest, *, dedupe_window: timedelta
) -> Event:
    """Make the event of a publish request."""
    now = verified.raw.received_at
    key, until, fingerprint = dedupe_key(parsed.key, request.external_id), None, request.fingerprint
    if key is None and request.dedupe:
        key, until = f"hash:{fingerprint}", now + dedupe_window
    return Event(
        id=kit.new_id("evt"),
        source=verified.source,
        scope=verified.scope,
        key=key,
        key_until=until,
        fingerprint=fingerprint,
        intent=Intent.SCHEDULE if request.scheduled_at else Intent.PUBLISH,
        received_at=now,
        content_type=verified.raw.header("content-type") or "",
        body=verified.raw.body,
        request=request.given,
        external_id=request.external_id,
        object_id=parsed.object_id,
        revision=parsed.revision,
        correlation=request.correlation,
        reply_to=parsed.reply_to,
        traceparent=verified.raw.header("traceparent"),
    )


def note_event(kit: Kit, verified: Verified, parsed: Parsed, *, dedupe_window: timedelta) -> Event:
    """Make the event of something that makes no post: known again by its key, else by its bytes, for a while."""
    now = verified.raw.received_at
    key = dedupe_key(parsed.key, None) or f"hash:{sha256(verified.raw.body).hexdigest()}"
    return Event(
        id=kit.new_id("evt"),
        source=verified.source,
        scope=verified.scope,
        key=key,
        key_until=now + dedupe_window,
        # A sender that writes the same event anew (its time, its spaces) has not sent another one.
        fingerprint=key,
        intent=Intent(parsed.intent),
        received_at=now,
        content_type=verified.raw.header("content-type") or "",
        body=verified.raw.body,
        request={},
        object_id=parsed.object_id,
        revision=parsed.revision,
        traceparent=verified.raw.header("traceparent"),
    )


def plan(kit: Kit, event: Event, verified: Verified, request: PublishRequest, rules: SourceRules) -> Acceptance:
    """Make everything that an event causes.

    Raises:
        Problem: 403 for accounts that this sender may not use, 503 when accounts were never read; of the API 422 with
            every fault.
    """
    wanted, faults = _wanted(kit, verified, request, rules)
    judged = _judge(kit, event, request, rules, wanted)
    if event.source == API:
        for part in judged.parts:
            faults += part.faults
        if faults:
            raise invalid(list(dict.fromkeys(faults)))
    step = Step(kit.moment())
    if faults:
        judged.warn(as_warnings(faults, "ACCOUNT"))
        event = _left_out(step, event, _words(request, rules), faults, judged.parts)
    index = 0
    for part in judged.parts if wanted else ():
        if part.faults:
            hosted = _hosted(kit, part.content, part.accounts)
            post = make_post(step, event, request, part.content, part.wanted, index=index, hosted=hosted)
            refuse_post(step, post, part.faults)
            index += 1
        else:
            index = _posts(kit, step, event, request, part, index=index)
    return Acceptance(replace(event, warnings=tuple(judged.warnings)) if judged.warnings else event, step.write())


def refuse_event(event: Event, reason: FailureReason, faults: Sequence[Fault], moment: Moment) -> Acceptance:
    """Keep an event that makes no post, and tell why; it is known again only for a while."""
    step = Step(moment)
    told = [fault.wire() for fault in faults]
    step.tell_event(event, "post.rejected", reason, error=event.reason, errors=told, accounts=[])
    return Acceptance(_soon_free(event), step.write())


def _left_out(step: Step, event: Event, words: Sequence[str], faults: Sequence[Fault], parts: Sequence[Part]) -> Event:
    """Tell of accounts that nobody knows; the event says so, too, when nothing else of it goes."""
    faulty = {fault.field for fault in faults}
    unknown = [word for place, word in enumerate(words) if f"accounts[{place}]" in faulty]
    goes = [part for part in parts if part.wanted]
    told = list(dict.fromkeys([*faults, *(fault for part in parts if not goes for fault in part.faults)]))
    reason = FailureReason.UNKNOWN_ACCOUNTS if unknown else FailureReason.INVALID
    detail, errors = invalid(told).detail, [fault.wire() for fault in told]
    step.tell_event(event, "post.rejected", reason, error=detail, errors=errors, accounts=unknown)
    return event if goes else _soon_free(replace(event, reason=invalid(faults).detail))


def _soon_free(event: Event) -> Event:
    """Let an event without a post keep its key only until a mended configuration may take its repetition."""
    return event if event.key is None else replace(event, key_until=event.received_at + MENDED_AFTER)


def _words(request: PublishRequest, rules: SourceRules) -> Sequence[str]:
    return request.accounts if request.accounts is not None else rules.accounts


def _wanted(
    kit: Kit, verified: Verified, request: PublishRequest, rules: SourceRules
) -> tuple[list[Wanted], list[Fault]]:
    words = _words(request, rules)
    if not words:
        section = "publish" if verified.source == API else f"sources.{verified.source}"
        remedy = f"Send `accounts`, or set {section}.accounts. GET /v1/accounts lists them."
        return [], [Fault("accounts", "is missing", remedy)]
    directory = kit.book.directory
    wanted, faults, refused = resolve(words, directory, verified.accounts)
    if refused:
        detail = f"This token may not publish to {', '.join(refused[:5])}. Ask for it in `tokens[].accounts`."
        raise Problem(
            403,
            "account_not_allowed",
            detail,
            errors=[Fault("accounts", f"{word} is not allowed") for word in refused],
        )
    waiting = len(directory.listed) < len(directory.partners)
    if waiting and any(directory.unread(word, found=bool(directory.find(word))) for word in words):
        detail = "The partner's accounts have not been read yet. Send the request again in a moment."
        raise Problem(503, "accounts_not_read", detail, retry_after=_COME_BACK, errors=faults)
    return wanted, faults


def _judge(kit: Kit, event: Event, request: PublishRequest, rules: SourceRules, wanted: Sequence[Wanted]) -> _Judged:
    """Part a request by what its accounts get, and ask the partners about each part as `preflight` says."""
    judged = _Judged([*request.warnings, *_silent(kit, wanted)])
    parts = make_parts(request, rules, wanted)
    if rules.media_default is not None and not request.content.get("media"):
        parts = [one for part in parts for one in _filled(kit, part, rules.media_default, request)]
    if request.captions:
        judged.warn(not_targeted(request.captions, _platforms(wanted)))
    late = None
    if request.scheduled_at is not None:
        late = lateness(request.scheduled_at, event.received_at) if rules.preflight != "off" else None
        judged.warn(passed(request.scheduled_at, event.received_at) if late is None else ())
    if len(parts) > 1:
        parts, warnings = parted(parts, {name: partner.lacks for name, partner in kit.partners.items()})
        judged.warn(warnings)
    for part in parts:
        found = _checked(kit, part, request, judged) if part.wanted and rules.preflight != "off" else []
        if late is not None:
            found.insert(0, late)
        if found and rules.preflight == "warn":
            judged.warn(as_warnings(found, "PREFLIGHT"))
            found = []
        judged.parts.append(replace(part, faults=(*part.faults, *found)) if found else part)
    return judged


def _checked(kit: Kit, part: Part, request: PublishRequest, judged: _Judged) -> list[Fault]:
    """Return what the partner's rules find wrong with a part, beyond what is known already."""
    checked = kit.partners[part.partner].check(part.content, part.accounts, request.scheduled_at)
    if checked.warnings:
        judged.warn(checked.warnings)
    if not checked.faults:
        return []
    told = {fault.field for fault in part.faults}
    found = [fault for fault in checked.faults if fault.field not in told]
    own = part.caption_field
    return [replace(fault, field=own) if fault.field == "caption" else fault for fault in found]


def _silent(kit: Kit, wanted: Sequence[Wanted]) -> list[Json]:
    """Warn of keys whose partner is told nothing."""
    off = [item.partner for item in wanted if not kit.partners[item.partner].writes]
    return [
        {"field": "", "code": "WRITES_OFF", "message": f"partners.{name}.writes is off: nothing will be sent"}
        for name in dict.fromkeys(off)
    ]


def _platforms(wanted: Sequence[Wanted]) -> set[str]:
    return {item.account.platform if item.account else "" for item in wanted}


def _filled(kit: Kit, part: Part, media: Json, request: PublishRequest) -> list[Part]:
    """Give media to the accounts that do not take text alone, as their partner says of each."""
    if not part.wanted:
        return [part]
    check = kit.partners[part.partner].check
    needing = [
        item
        for item in part.wanted
        if any(fault.field == "media" for fault in check(part.content, [known(item)], request.scheduled_at).faults)
    ]
    return with_media(part, media, needing) if needing else [part]


def _posts(kit: Kit, step: Step, event: Event, request: PublishRequest, part: Part, *, index: int) -> int:
    """Add one part's posts: what can go now, grouped as its partner needs, and one parked for each idle account."""
    partner = kit.partners[part.partner]
    by_id = {item.id: item for item in part.wanted}
    active = [known(item) for item in part.wanted if item.active]
    groups = (
        [[by_id[account.id] for account in group] for group in partner.split(part.content, active)] if active else []
    )
    for group in [*groups, *([item] for item in part.wanted if not item.active)]:
        hosted = _hosted(kit, part.content, [known(item) for item in group])
        commands = 1 if hosted is None else 2
        post = make_post(step, event, request, part.content, group, index=index, commands=commands, hosted=hosted)
        command = step.add_post(post, step.now)
        if not group[0].active:
            park_for_account(step, command, post, post.targets[0], group[0].account)
        index += 1
    return index


def _hosted(kit: Kit, content: Json, accounts: Sequence[Account]) -> Json | None:
    """Return what of a post's media is stored with its partner: nothing yet, or None where nothing need be."""
    if "media" not in content:
        return None
    return {} if kit.partners[accounts[0].partner].to_host(content, accounts) else None
