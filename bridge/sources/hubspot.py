"""The source `hubspot`: what a workflow sends of a record, and the CRM events of an app.

Source: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation, read
2026-11. One request may carry several signatures; the newest is looked at. Versions 2 and 3 sign the address that
HubSpot calls, which behind an ingress is `server.public_url`. Version 1 signs the body alone: who has seen one request
may send it again, to any source with this secret, so that it counts only where the configuration says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._fields import FieldRules, as_object, describe, own_fields
from bridge.sources._kind import Kind, Payload, at_most, text_at

Version = Literal["v3", "v2", "v1"]
_CRM = "A CRM event says what changed, and nothing to publish. Use a workflow that sends title, text and link."


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSpotRules(FieldRules):
    """One app: `sources: {NAME: {kind: hubspot, secret: {env: ...}}}`."""

    signatures: Annotated[
        tuple[Version, ...],
        Field(
            min_length=1,
            description="Versions of HubSpot's signature that count, of v3, v2 and v1. v1 signs neither time nor "
            "address: what was seen once may be sent again.",
        ),
    ] = ("v3", "v2")


def _read(payload: Payload, rules: HubSpotRules) -> Iterable[Item]:
    if isinstance(payload.data, list):
        for each in map(as_object, at_most(payload.data)):
            yield _crm_event(each, rules)
        return
    body = as_object(payload.data)
    if "subscriptionType" in body:
        yield _crm_event(body, rules)
        return
    said = describe(body, rules.fields)
    yield Item(intent=Intent.PUBLISH, event="workflow", own=own_fields(body), raw=body, **said)


def _crm_event(event: Json, rules: HubSpotRules) -> Item:
    """Read one event of an app; it is published only where a caption of the configuration makes something of it.

    HubSpot says that `eventId` may come twice; with the subscription and the time it does not.
    """
    is_mapped = bool(rules.caption or rules.captions)
    ids = [text_at(event, name) for name in ("eventId", "subscriptionId", "occurredAt")]
    return Item(
        intent=Intent.PUBLISH if is_mapped else Intent.IGNORE,
        event=text_at(event, "subscriptionType"),
        key=":".join(ids) if ids[0] else None,
        raw=event,
        note="" if is_mapped else _CRM,
    )


_HEADER, _VERSION = "x-hubspot-signature", "x-hubspot-signature-version"
_SCHEMES: Mapping[Version, Signature] = MappingProxyType(
    {
        "v3": Signature(
            header="x-hubspot-signature-v3",
            template="{method}{url_plain}{body}{timestamp}",
            encoding=Encoding.BASE64,
            stamp=Stamp(header="x-hubspot-request-timestamp", unit=Unit.MILLISECONDS),
        ),
        "v2": Signature(header=_HEADER, version=(_VERSION, "v2"), keyed=False, template="{secret}{method}{url}{body}"),
        "v1": Signature(header=_HEADER, version=(_VERSION, "v1"), keyed=False, template="{secret}{body}"),
    }
)
"""How each version is signed, the newest first."""

KIND = Kind(
    name="hubspot",
    title="HubSpot",
    read=_read,
    config_type=HubSpotRules,
    signed=lambda rules: tuple(scheme for version, scheme in _SCHEMES.items() if version in rules.signatures),
)
