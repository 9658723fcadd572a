"""How facts read on a page: instants, states, amounts, and sparklines."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from markupsafe import Markup

_TONES: Mapping[str, str] = {
    **dict.fromkeys(("posted", "connected", "done", "ok", "healthy", "well", "verified", "active", "enabled"), "good"),
    **dict.fromkeys(("failed", "dead", "disconnected", "disabled", "refused", "expired", "error"), "bad"),
    **dict.fromkeys(
        ("partial", "parked", "waiting", "failing", "held", "retrying", "warning", "unknown", "elsewhere", "rejected"),
        "warn",
    ),
    **dict.fromkeys(("pending", "scheduled", "due", "started", "publishing", "accepted", "running", "draft"), "busy"),
}
_WIDTH, _HEIGHT = 240, 40
_KEYS = re.compile(
    r"(?i)([?&](?:[a-z0-9_.-]{0,40}[_.-])?"
    r"(?:(?:api|access|auth)?(?:key|token)|sig|signature|credential|policy|auth|secret|password|hmac|hdnts)=)"
    r"[^&#\s\"'<>\\]+"
)
"""What lets whoever knows an address have what is there: parameters of links that are signed."""


def when(value: Any) -> Markup | str:
    """Return an instant (ISO 8601, or aware) as `<time>`; the browser puts it in its own words."""
    if not value:
        return "-"
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    at = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", f"{at:%d %b %Y, %H:%M:%S} UTC")


def words(value: Any) -> str:
    """Return a word of the API as people write it: `rate_limited` as "rate limited"."""
    return str(value if value is not None else "-").replace("_", " ")


def badge(state: Any) -> Markup:
    """Return a state as a badge: told by its word, and by colour beside."""
    name = str(state or "unknown")
    return Markup('<span class="badge {}">{}</span>').format(_TONES.get(name, "plain"), words(name))


def seconds(value: Any) -> str:
    """Return a duration in seconds in at most two units: "2 h 5 min"."""
    if value is None:
        return "-"
    left = float(value)
    found: list[str] = []
    if left < 1:
        return f"{left * 1000:.0f} ms"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size and len(found) < 2:
            found.append(f"{int(left // size)} {unit}")
            left %= size
    return " ".join(found)


def short(value: Any, most: int = 80) -> str:
    """Return the beginning of a text on one line."""
    text = " ".join(str(value or "").split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def many(count: int, one: str, more: str = "") -> str:
    """Return an amount with its noun: "1 post", "2 posts"."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def path(*parts: str) -> str:
    """Return an address of the console."""
    return "/".join(["/console", *(quote(part, safe=":") for part in parts)])


def with_query(address: str, query: Mapping[str, str | None], **changes: str | None) -> str:
    """Return an address with these parameters; such as are None or empty are left out."""
    given = {name: value for name, value in {**query, **changes}.items() if value}
    return f"{address}?{urlencode(given)}" if given else address


def spark(values: Sequence[float], label: str) -> Markup:
    """Return a small picture of numbers over time, the newest on the right; `label` says it in words."""
    top = max([*values, 1])
    step = _WIDTH / max(len(values) - 1, 1)
    points = [
        (round(number * step, 1), round(_HEIGHT - 2 - (_HEIGHT - 4) * value / top, 1))
        for number, value in enumerate(values)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    area = f"0,{_HEIGHT} {line} {_WIDTH},{_HEIGHT}" if points else ""
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon class="area" points="{}"/><polyline class="line" points="{}"/></svg>'
    ).format(_WIDTH, _HEIGHT, label, area, line)


def outward(value: Any) -> str:
    """Return an address of others that a link may lead to; empty when it is none of the web, `javascript:` say."""
    address = str(value or "")
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""


def keyless(text: str) -> str:
    """Return a text without what lets its links in: the values of their tokens and signatures."""
    return _KEYS.sub(r"\1***", text)


def lines(value: Any) -> Markup:
    """Return JSON, or a text, as it is written by hand, `keyless`."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return Markup("<pre>{}</pre>").format(keyless(value))
    return Markup('<pre tabindex="0">{}</pre>').format(keyless(_dumped(value)))


def _dumped(value: Any) -> str:
    """Write JSON, indented; what lies deeper than anybody reads is only named."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        return "It cannot be shown: its parts lie too deep within one another."


FILTERS: Mapping[str, Callable[..., Any]] = {
    "when": when,
    "words": words,
    "badge": badge,
    "seconds": seconds,
    "short": short,
    "json": lines,
    "keyless": keyless,
    "outward": outward,
}
GLOBALS: Mapping[str, Callable[..., Any]] = {
    "many": many,
    "path": path,
    "with_query": with_query,
    "spark": spark,
}
