"""What a start makes of the rows of endpoints: those of the configuration follow it, and old keys are retired."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bridge.core.endpoint_rules import OWNER_GONE, UNCONFIGURED
from bridge.core.endpoints import REPLY
from bridge.core.errors import Fault, SettingsError
from bridge.core.model import Endpoint
from bridge.core.replaying import of_chat
from bridge.core.sealing import Sealer, SealError
from bridge.core.step import Step

CONFIGURATION = "configuration"
"""Who asks for what the configuration brings about."""


def owner_word(token: str) -> str:
    """Return the word for a token, beside the names of endpoints, none of which has it."""
    return f"token:{token}"


def word(endpoint: Endpoint) -> str:
    """Return what must be configured somewhere for an endpoint to go on: its name, or the token that made it."""
    return endpoint.name if endpoint.configured else owner_word(endpoint.owner)


def sync(
    step: Step,
    known: Mapping[str, Endpoint],
    wanted: Mapping[str, Mapping[str, Any]],
    elsewhere: Collection[str] = (),
) -> None:
    """Give every configured endpoint its row, and disable those that are configured no more.

    Only what the configuration says is written: that one is disabled, or how it fares, stays as it is. Endpoints that
    were made over the API are left alone.

    Args:
        step: gathers the changes.
        known: all endpoints by name.
        wanted: the fields of the configured ones by name, as `endpoint_fields.columns` gives them.
        elsewhere: see `follow`.

    Raises:
        SettingsError: the configuration has the name of an endpoint that was made over the API.
    """
    taken = [name for name in wanted if name in known and not known[name].configured]
    if taken:
        raise SettingsError([Fault(f"endpoints.{name}", _TAKEN, _RENAME) for name in taken])
    for name, fields in wanted.items():
        endpoint = known.get(name)
        if endpoint is None:
            step.add(Endpoint(name=name, created_at=step.now, **fields))
            continue
        changes = {key: value for key, value in fields.items() if getattr(endpoint, key) != value}
        if changes:
            step.edit(endpoint, **changes)
    follow(step, known, wanted, elsewhere)


def follow(
    step: Step, known: Mapping[str, Endpoint], wanted: Collection[str], elsewhere: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Let those of the configuration go on that were disabled for want of one, and disable those that are in none.

    A chat that is configured again shows in its messages what they missed.

    Args:
        step: gathers the changes.
        known: all endpoints by name.
        wanted: the names of the configured ones.
        elsewhere: the words (see `word`) of what another process has configured, or this one had until just now: while
            replicas are replaced one after the other their configurations differ, and what left by mistake may be put
            back.

    Returns:
        Which go on, and which were disabled.
    """
    configured = [one for one in known.values() if one.configured]
    back, left = _follow(step, configured, lambda one: one.name in wanted, UNCONFIGURED, elsewhere)
    for name in back:
        if known[name].kind == REPLY:
            step.add(of_chat(name, step.moment.new_id("rpl"), step.now, CONFIGURATION))
    return back, left


_TAKEN = "is the name of an endpoint that was made over the API"
_RENAME = "Give one of the two another name: this one here, or make the other anew over the API and delete it."


def owned(
    step: Step, known: Mapping[str, Endpoint], tokens: Mapping[str, tuple[str, ...]], elsewhere: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Let what was made over the API follow the tokens that made it, and the accounts that these may use now.

    Args:
        step: gathers the changes.
        known: all endpoints by name.
        tokens: the accounts of each configured token, by its name.
        elsewhere: see `follow`.

    Returns:
        Whose owner is gone, and which are told of other accounts than before.
    """
    follow_tokens(step, known, tokens, elsewhere)
    made = [one for _, one in sorted(known.items()) if not one.configured]
    gone = [one.name for one in made if one.owner not in tokens and word(one) not in elsewhere]
    changed = [one for one in made if one.owner in tokens and one.allowed != tokens[one.owner]]
    for endpoint in changed:
        step.edit(endpoint, allowed=tokens[endpoint.owner])
    return gone, [one.name for one in changed]


def follow_tokens(
    step: Step, known: Mapping[str, Endpoint], tokens: Collection[str], elsewhere: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Disable what was made over the API by tokens that no process has, and let go on whose token is back.

    Args:
        step: gathers the changes.
        known: all endpoints by name.
        tokens: the names of the configured tokens.
        elsewhere: see `follow`.

    Returns:
        Which go on, and which were disabled.
    """
    made = [one for _, one in sorted(known.items()) if not one.configured]
    return _follow(step, made, lambda one: one.owner in tokens, OWNER_GONE, elsewhere)


def _follow(
    step: Step, rows: Iterable[Endpoint], is_wanted: Callable[[Endpoint], bool], reason: str, elsewhere: Collection[str]
) -> tuple[list[str], list[str]]:
    """Let go on what was disabled for `reason` and is wanted again, and disable for it what nobody wants any more."""
    back, left = [], []
    for endpoint in rows:
        if is_wanted(endpoint):
            if endpoint.reason == reason:
                back.append(endpoint.name)
                step.edit(endpoint, enabled=True, reason=None)
        elif endpoint.enabled and word(endpoint) not in elsewhere:
            left.append(endpoint.name)
            step.edit(endpoint, enabled=False, reason=reason)
            step.kill_deliveries(endpoint.name)
    return back, left


def renew(step: Step, known: Mapping[str, Endpoint], sealer: Sealer | None) -> list[str]:
    """Seal what an older key sealed with the newest one; return the names of those that no key opens."""
    lost = []
    for name, endpoint in known.items():
        if endpoint.sealed is None:
            continue
        try:
            sealed = sealer.renewed(endpoint.sealed) if sealer is not None else None
        except SealError:
            lost.append(name)
            continue
        if sealer is None:
            lost.append(name)
        elif sealed is not None:
            step.edit(endpoint, sealed=sealed)
    return sorted(lost)
