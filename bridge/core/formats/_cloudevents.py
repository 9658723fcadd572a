"""CloudEvents 1.0, structured mode: the same data in the envelope that event brokers know.

Sources: https://github.com/cloudevents/spec, cloudevents/spec.md and cloudevents/formats/json-format.md, read 2026-11.
"""

from urllib.parse import quote

import orjson

from bridge.core.model import OutboundEvent

MEDIA_TYPE = "application/cloudevents+json"


def body(event: OutboundEvent) -> bytes:
    """Return an event in the envelope; `id` is that of the event, so (`source`, `id`) is unique.

    `source` is a relative reference that says which key it happened under: a service does not know by which name the
    world calls it. `type` is the word that endpoints filter by, so it has no prefix of its own.
    """
    told = orjson.loads(event.body)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": f"/bridge/partners/{quote(event.partner, safe='')}" if event.partner else "/bridge",
            "type": told["type"],
            "subject": event.subject,
            "time": told["timestamp"],
            "datacontenttype": "application/json",
            "data": told["data"],
        }
    )
