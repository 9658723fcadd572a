"""What a start makes of the rows of endpoints: those of the configuration follow it, and old keys are retired."""

from collections.abc import Collection, Mapping
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
        elsewhere: the names of those that another process has configured: while the replicas are replaced one after
            the other, their configurations differ.

    Returns:
        Which go on, and which were disabled.
    """
    back, left = [], []
    for name, endpoint in known.items():
        if not endpoint.configured:
            continue
        if name in wanted and endpoint.reason == UNCONFIGURED:
            back.append(name)
            step.edit(endpoint, enabled=True, reason=None)
            if endpoint.kind == REPLY:
                step.add(of_chat(name, step.moment.new_id("rpl"), step.now, CONFIGURATION))
        elif endpoint.enabled and name not in wanted and name not in elsewhere:
            left.append(name)
            step.edit(endpoint, enabled=False, reason=UNCONFIGURED)
            step.kill_deliveries(name)
    return back, left


_TAKEN = "is the name of an endpoint that was made over the API"
_RENAME = "Give one of the two another name: this one here, or make the other anew over the API and delete it."


def owned(
    step: Step, known: Mapping[str, Endpoint], tokens: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], list[str]]:
    """Let what was made over the API follow the tokens that made it.

    Without its token it is disabled, and goes on when the token is back. It is told of the accounts that its token may
    use now, whatever that was when it was made.

    Args:
        step: gathers the changes.
        known: all endpoints by name.
        tokens: the accounts of each configured token, by its name.

    Returns:
        Whose owner is gone, and which are told of other accounts than before.
    """
    gone, changed = [], []
    for name, endpoint in sorted(known.items()):
        if endpoint.configured:
            continue
        if endpoint.owner not in tokens:
            gone.append(name)
            if endpoint.enabled:
                step.edit(endpoint, enabled=False, reason=OWNER_GONE)
                step.kill_deliveries(name)
            continue
        back: dict[str, Any] = {"enabled": True, "reason": None} if endpoint.reason == OWNER_GONE else {}
        if endpoint.allowed != tokens[endpoint.owner]:
            changed.append(name)
            back["allowed"] = tokens[endpoint.owner]
        if back:
            step.edit(endpoint, **back)
    return gone, changed


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
