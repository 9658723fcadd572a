"""What a request comes to: its event, its posts with their commands, and what is noticed on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.core.captions import not_targeted
from bridge.core.directory import Wanted, resolve
from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.holding import brake, hold, holds, note_refused
from bridge.core.model import Account, Event, Json, Post
from bridge.core.parting import park_for_account
from bridge.core.planning import (
    Part,
    as_warnings,
    known,
    lateness,
    make_parts,
    make_post,
    parted,
    passed,
    refuse_post,
    with_media,
)
from bridge.core.request import PublishRequest, invalid
from bridge.core.rules import SourceRules
from bridge.core.step import Step
from bridge.flows import Kit
from bridge.flows.ingest._events import API, Plan, Said, soon_free, tell_refusal

_EXAMPLE = '"{{ title }} {{ url }}"'
_COME_BACK = timedelta(seconds=5)


@dataclass(slots=True)
class Judged:
    """The parts of a request with their faults, and what was noticed."""

    warnings: list[Json]
    parts: list[Part] = field(default_factory=list)

    def warn(self, warnings: Iterable[Json]) -> None:
        """Note warnings, each once."""
        self.warnings += (warning for warning in warnings if warning not in self.warnings)


def plan(kit: Kit, said: Said, event: Event, request: PublishRequest) -> Plan:
    """Make everything that an event causes.

    Raises:
        Problem: 403 for accounts that this sender may not use, 503 when accounts were never read; where somebody
            reads the answer 422 with every fault.
    """
    wanted, faults = _wanted(kit, said, request)
    judged = judge(kit, said.now, request, said.rules, wanted, apart=not said.strict)
    if said.strict:
        for part in judged.parts:
            faults += part.faults
        if faults:
            raise invalid(list(dict.fromkeys(faults)))
    step = Step(kit.moment())
    if faults:
        judged.warn(as_warnings(faults, "ACCOUNT"))
        event = _left_out(step, event, _words(kit, said, request), faults, judged.parts)
    index, silent = 0, False
    for part in judged.parts:
        silent = silent or (bool(part.faults) and not part.content.get("caption"))
        if not wanted:
            continue
        if part.faults:
            hosted = hosted_for(kit, part.content, part.accounts)
            post = make_post(step, event, request, part.content, part.wanted, index=index, hosted=hosted)
            refuse_post(step, post, part.faults)
            if holds(said.rules):
                note_refused(step, post, said.rules)
            index += 1
        else:
            index = _posts(kit, step, said, event, request=request, part=part, index=index)
    if judged.warnings:
        event = replace(event, warnings=tuple(judged.warnings))
    note = f"There is no caption. Set sources.{said.source}.caption, such as {_EXAMPLE}." if silent else ""
    return Plan(event, step.write(), "invalid" if event.reason else "accepted", note)


def _left_out(step: Step, event: Event, words: Sequence[str], faults: Sequence[Fault], parts: Sequence[Part]) -> Event:
    """Tell of accounts that nobody knows; the event says so, too, when nothing else of it goes."""
    faulty = {fault.field for fault in faults}
    unknown = [word for place, word in enumerate(words) if f"accounts[{place}]" in faulty]
    goes = [part for part in parts if part.wanted]
    told = list(dict.fromkeys([*faults, *(fault for part in parts if not goes for fault in part.faults)]))
    reason = FailureReason.UNKNOWN_ACCOUNTS if unknown else FailureReason.INVALID
    tell_refusal(step, event, reason, told, error=invalid(told).detail, accounts=unknown)
    return event if goes else soon_free(replace(event, reason=invalid(faults).detail))


def _words(kit: Kit, said: Said, request: PublishRequest) -> Sequence[str]:
    """Return what a request says, or else the configuration: of that what is retired is left out."""
    return request.accounts if request.accounts is not None else kit.book.directory.in_use(said.rules.accounts)


def _wanted(kit: Kit, said: Said, request: PublishRequest) -> tuple[list[Wanted], list[Fault]]:
    words = _words(kit, said, request)
    if not words:
        section = "publish" if said.source == API else f"sources.{said.source}"
        remedy = f"Send `accounts`, or set {section}.accounts. GET /v1/accounts lists them."
        return [], [Fault("accounts", "is missing", remedy)]
    directory = kit.book.directory
    wanted, faults, refused = resolve(words, directory, said.allowed)
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


def judge(
    kit: Kit,
    now: datetime,
    request: PublishRequest,
    rules: SourceRules,
    wanted: Sequence[Wanted],
    *,
    apart: bool = False,
) -> Judged:
    """Part a request by what its accounts get, and ask the partners about each part as `preflight` says.

    With `apart` an account that something is wrong with does not keep the sound ones of its part from theirs.
    """
    judged = Judged([*request.warnings, *_silent(kit, wanted)])
    parts = make_parts(request, rules, wanted)
    if rules.media_default is not None and not request.content.get("media"):
        parts = [one for part in parts for one in _filled(kit, part, rules.media_default, request)]
    if request.captions:
        judged.warn(not_targeted(request.captions, _platforms(wanted)))
    late = None
    if request.scheduled_at is not None:
        late = lateness(request.scheduled_at, now) if rules.preflight != "off" else None
        judged.warn(passed(request.scheduled_at, now) if late is None else ())
        judged.warn(_held_too_long(request.scheduled_at, rules, now) if late is None else ())
    if len(parts) > 1:
        parts, warnings = parted(parts, {name: partner.lacks for name, partner in kit.partners.items()})
        judged.warn(warnings)
    if apart and late is None and rules.preflight == "reject":
        parts = [one for part in parts for one in _apart(kit, part, request, judged)]
    for part in parts:
        found = _checked(kit, part, request, judged) if part.wanted and rules.preflight != "off" else []
        if late is not None:
            found.insert(0, late)
        if found and rules.preflight == "warn":
            judged.warn(as_warnings(found, "PREFLIGHT"))
            found = []
        judged.parts.append(replace(part, faults=(*part.faults, *found)) if found else part)
    return judged


def _apart(kit: Kit, part: Part, request: PublishRequest, judged: Judged) -> list[Part]:
    """Part the accounts that could have it by themselves from those that could not, where a part has faults.

    Each is asked about alone, without what only another account of the part can use.
    """
    if part.faults or len(part.wanted) < 2:
        return [part]
    partner = kit.partners[part.partner]
    if not partner.check(part.content, part.accounts, request.scheduled_at).faults:
        return [part]
    lacks = {part.partner: partner.lacks}
    alone, _ = parted([replace(part, wanted=[item]) for item in part.wanted], lacks)
    faulty = [one.wanted[0] for one in alone if partner.check(one.content, one.accounts, request.scheduled_at).faults]
    sound = [item for item in part.wanted if item not in faulty]
    if not sound or not faulty:
        return [part]
    parts, warnings = parted([replace(part, wanted=sound), replace(part, wanted=faulty)], lacks)
    judged.warn(warnings)
    return parts


def _checked(kit: Kit, part: Part, request: PublishRequest, judged: Judged) -> list[Fault]:
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


def _held_too_long(scheduled_at: datetime, rules: SourceRules, now: datetime) -> list[Json]:
    """Warn of a schedule that the hold of its source lets pass."""
    if rules.hold is None or scheduled_at >= now + rules.hold:
        return []
    message = f"It is held until {(now + rules.hold).isoformat(timespec='seconds')}, and goes out then"
    return [{"field": "scheduled_at", "code": "HELD_LONGER", "message": message}]


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


def _posts(kit: Kit, step: Step, said: Said, event: Event, *, request: PublishRequest, part: Part, index: int) -> int:
    """Add one part's posts: what can go now, grouped as its partner needs, and one parked for each idle account."""
    partner = kit.partners[part.partner]
    by_id = {item.id: item for item in part.wanted}
    active = [known(item) for item in part.wanted if item.active]
    groups = (
        [[by_id[account.id] for account in group] for group in partner.split(part.content, active)] if active else []
    )
    for group in [*groups, *([item] for item in part.wanted if not item.active)]:
        hosted = hosted_for(kit, part.content, [known(item) for item in group])
        commands = 1 if hosted is None else 2
        post = make_post(step, event, request, part.content, group, index=index, commands=commands, hosted=hosted)
        _add(step, said, post, group[0])
        index += 1
    return index


def _add(step: Step, said: Said, post: Post, first: Wanted) -> None:
    """Add a post: held, waiting for a person or for its account, or due."""
    if holds(said.rules):
        hold(step, replace(post, commands=0), said.rules, braked=said.park_for)
        return
    command = step.add_post(post, step.now)
    if said.park_for:
        brake(step, command, post, said.park_for)
    elif not first.active:
        park_for_account(step, command, post, post.targets[0], first.account)


def hosted_for(kit: Kit, content: Json, accounts: Sequence[Account]) -> Json | None:
    """Return what of a post's media is stored with its partner: nothing yet, or None where nothing need be."""
    if "media" not in content:
        return None
    return {} if kit.partners[accounts[0].partner].to_host(content, accounts) else None
