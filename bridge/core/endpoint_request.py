"""What a caller may send to make or change an endpoint or a subscription, read with every fault at once.

Shape: the fields of `endpoint_fields.EndpointFields` and `enabled`; to make one also `name` and `secret`. A
subscription (REST hook) has `target_url` (or `hookUrl`, `url`, `subscription_url`), `event` (or `events`), `where`,
`format`, and `secret`, true or false.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bridge.core.endpoint_fields import (
    EndpointFields,
    Known,
    columns,
    faults_of,
    fields_of,
    following,
    read,
    told,
    unknown,
)
from bridge.core.errors import Fault
from bridge.core.formats import SLACK
from bridge.core.model import Endpoint, Json
from bridge.core.request import invalid
from bridge.core.signing import secret_key

FIELDS = tuple(one.name for one in fields(EndpointFields))
NEW = ("name", *FIELDS, "secret", "enabled")
CHANGEABLE = (*FIELDS, "enabled")
TARGET_NAMES = ("target_url", "hookUrl", "url", "subscription_url")
EVENT_NAMES = ("event", "events")
ROTATION = ("secret", "revoke")
SUBSCRIBED = (*TARGET_NAMES, *EVENT_NAMES, "where", "format", "secret")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_KEY_BYTES = range(24, 65)
"""How many bytes the key in a secret has (Standard Webhooks 1.0.0, "Symmetric")."""
_NOWHERE = "https://example.com/"
"""Stands for an address that cannot be read, so that the other fields are looked at all the same."""
_SECRET_FORM = "Send whsec_ and 24 to 64 bytes in base64, or leave it out: one is made."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: `changes` as `Endpoint` has them, and what is sealed.

    `url` and `headers` are None when nothing was said of them.
    """

    changes: Json
    url: str | None = field(default=None, repr=False)
    name: str | None = None
    signed: bool = False
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)


def parse_endpoint(given: Mapping[str, Any], known: Known) -> Asked:
    """Read a new endpoint. It is signed, but for one that gets messages for Slack, which looks at no signature.

    Raises:
        Problem: 422 with every fault.
    """
    faults = _unknown(given, NEW)
    own, wrong = _own(given, known)
    secret, name = given.get("secret"), given.get("name")
    faults += [*wrong, *_secret_faults(secret), *_name_faults(name), *_flag_faults(given, "enabled")]
    if "url" not in given:
        faults.append(Fault("url", "is missing", "Send the address, such as https://HOST/PATH."))
    if own is None or faults:
        raise invalid(told(faults))
    enabled = {"enabled": given["enabled"]} if given.get("enabled") is not None else {}
    signed = secret is not None or own.format != SLACK
    return Asked(columns(own) | enabled, own.url, name, signed, secret, own.headers)


def parse_changes(given: Mapping[str, Any], known: Known, endpoint: Endpoint) -> Asked:
    """Read the changes of an endpoint; null makes a field what it is by itself.

    Raises:
        Problem: 422 with every fault.
    """
    faults = [*_unknown(given, CHANGEABLE, _ELSEWHERE), *_flag_faults(given, "enabled")]
    own, wrong = _own(given, known, fields_of(endpoint, {}))
    faults += wrong
    if not given:
        faults.append(Fault("", "names no field to change", f"Send one of {', '.join(CHANGEABLE)}."))
    if own is None or faults:
        raise invalid(told(faults))
    changes = columns(own)
    if "enabled" in given:
        changes["enabled"] = given["enabled"] is not False
    url = own.url if "url" in given else None
    return Asked(changes, url, headers=own.headers if "headers" in given else None)


def parse_rotation(given: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Read a rotation: its secret, None when one is to be made; and whether those before end at once.

    Raises:
        Problem: 422 with every fault.
    """
    faults = [*_unknown(given, ROTATION), *_secret_faults(given.get("secret")), *_flag_faults(given, "revoke")]
    if faults:
        raise invalid(told(faults))
    return given.get("secret"), given.get("revoke") is True


def parse_subscription(given: Mapping[str, Any], known: Known) -> Asked:
    """Read a subscription. It is unsigned unless a secret is asked for, because the address alone is the secret.

    Raises:
        Problem: 422 with every fault.
    """
    faults = [*_unknown(given, SUBSCRIBED), *_flag_faults(given, "secret")]
    target, events = _alias(given, TARGET_NAMES, faults), _alias(given, EVENT_NAMES, faults)
    plain = {name: given[name] for name in ("where", "format") if name in given}
    names = {"url": target, "events": events}
    named = {name: given[word] for name, word in names.items() if given.get(word) is not None}
    faults += [Fault(word, "is missing", _MISSING[name]) for name, word in names.items() if name not in named]
    own, wrong = _own(plain | named, known)
    faults += [replace(one, field=_renamed(one.field, names)) for one in wrong]
    if own is None or faults:
        raise invalid(told(faults))
    return Asked(columns(own), own.url, signed=given.get("secret") is True)


_MISSING = {
    "url": "Send the address that events are posted to.",
    "events": "Send a type such as post.posted, a pattern such as post.*, or a list of them.",
}
_ELSEWHERE = {
    "secret": "POST to its /rotate-secret instead: the present secret then signs for a while, too.",
    "name": "A name stays what it is: make another endpoint, then delete this one.",
}


def _own(
    given: Mapping[str, Any], known: Known, base: EndpointFields | None = None
) -> tuple[EndpointFields | None, list[Fault]]:
    """Return the fields of an endpoint with those that are given, and what is wrong with these, each and together."""
    sound, faults = read({name: given[name] for name in FIELDS if name in given})
    followed = following(base, sound["format"]) if base is not None and "format" in sound else {}
    whole = replace(base or EndpointFields(url=_NOWHERE), **{**followed, **sound})
    # An address is judged by whether it may be http, too.
    asked = {*sound, "url"} if "allow_http" in sound else {*sound}
    faults += [one for one in faults_of(whole, known) if _root(one.field) in asked]
    return (None if faults else whole), faults


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _renamed(path: str, names: Mapping[str, str]) -> str:
    root = _root(path)
    return names.get(root, root) + path.removeprefix(root)


def _alias(given: Mapping[str, Any], names: Sequence[str], faults: list[Fault]) -> str:
    """Return which of several names of a field was used; the first when none was."""
    used = [name for name in names if given.get(name) is not None]
    faults += [
        Fault(name, f"differs from {used[0]}", "Send one of the two.") for name in used if given[name] != given[used[0]]
    ]
    return used[0] if used else names[0]


def _unknown(given: Mapping[str, Any], known: Sequence[str], elsewhere: Mapping[str, str] | None = None) -> list[Fault]:
    remedies = elsewhere or {}
    return [
        *(Fault(name, "cannot be changed here", remedies[name]) for name in given if name in remedies),
        *unknown((name for name in given if name not in known and name not in remedies), known),
    ]


def _flag_faults(given: Mapping[str, Any], name: str) -> list[Fault]:
    sound = given.get(name) is None or isinstance(given[name], bool)
    return [] if sound else [Fault(name, "is not true or false", "Send true or false.")]


def _name_faults(name: object) -> list[Fault]:
    if name is None or (isinstance(name, str) and _NAME.fullmatch(name)):
        return []
    return [Fault("name", "is not a name", "Use up to 64 small letters, digits, - and _; or leave it out.")]


def _secret_faults(secret: object) -> list[Fault]:
    """Say what is wrong with a signing secret; nothing of it is told."""
    if secret is None:
        return []
    if not isinstance(secret, str) or not secret.startswith("whsec_"):
        return [Fault("secret", "does not begin with whsec_", _SECRET_FORM)]
    try:
        size = len(secret_key(secret))
    except ValueError as error:
        return [Fault("secret", str(error).removeprefix("the secret "), _SECRET_FORM)]
    return [] if size in _KEY_BYTES else [Fault("secret", f"holds {size} bytes", _SECRET_FORM)]
