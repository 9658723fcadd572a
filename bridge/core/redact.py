"""Takes secrets out of text before it reaches a log line, a metric, an error, a page or the database.

What goes: the query, fragment and user part of every address; Authorization, cookie and signature headers; keys and
secrets that their form gives away (`gva_live_...`, `whsec_...`, `Bearer ...`); and the configured secrets themselves.
Cut text after redacting it, never before: half a secret is not recognised.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from urllib.parse import quote

MARK = "[redacted]"
"""What stands in the place of a secret; redacting it again changes nothing."""

_MIN_SECRET = 4
_MAX_ROUNDS = 5

# A text with none of these, in lower case, has nothing that the patterns below could find, nor has the JSON of a value
# that `json` would change. Looking for plain substrings is many times faster, and nearly every text ends here.
_HINTS = (
    *(
        "://",
        "?",
        "=",
        "_live_",
        "_test_",
        "whsec_",
        "whsk_",
        "whpk_",
        "xox",
        "xapp-",
        "xwfp-",
        "bearer",
        "basic",
        "v1,",
        "v1a,",
    ),
    *("hooks.", "authorization", "cookie", "signature", "secret", "passw", "token", "api_key", "api-key", "apikey"),
    *("hmac", "_mac", "-mac", "private"),
)

_HEADERS = (
    r"(?:proxy-)?authorization|(?:set-)?cookie2?|x-api-key|[\w-]+?-(?:signature(?:-[\w-]++)?|token|secret|hmac-\w++)"
)
_FIELDS = r"(?:client_|webhook_|signing_)?secret|password|passwd|api_?key|(?:access|refresh)_token|signature"

# Every pattern runs in time linear in the text, whatever the text: answers of strangers come through here.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ in an address, greedy to the last @ before the path.
    (re.compile(r"(?<=://)[^\s/?#\"'<>]*@"), ""),
    # Slack's incoming webhooks carry their secret in the path.
    (re.compile(r"(hooks\.slack\.com/)[^\s\"'<>]+"), rf"\1{MARK}"),
    # A header or field in quotes: JSON (also JSON inside JSON), a Python mapping or pair.
    (
        re.compile(
            rf"(?i)(([\"'])(?:{_HEADERS}|{_FIELDS})\\{{0,7}}\2\s*+[:,=]\s*+b?\\{{0,7}}([\"']))(?:\\.|(?!\3)[^\\])*",
            re.DOTALL,
        ),
        rf"\1{MARK}",
    ),
    # A header on a line of its own: the whole line is its value.
    (re.compile(rf"(?i)((?<![\w-])(?:{_HEADERS})\s*+[:=]\s*+)[^\r\n]+"), rf"\1{MARK}"),
    # A field of a form or of a configuration line.
    (re.compile(rf"(?i)((?<![\w-])(?:{_FIELDS})=)[^\s,;&\"']+"), rf"\1{MARK}"),
    (re.compile(r"(?i)(bearer\s++)[A-Za-z0-9._~+/-]{6,}=*"), rf"\1{MARK}"),
    (re.compile(r"((?:gva|pe|sk|rk)_(?:live|test)_)[A-Za-z0-9][A-Za-z0-9._-]*"), rf"\1{MARK}"),
    (re.compile(r"(wh(?:sec|sk|pk)_)[A-Za-z0-9+/=_-]+"), rf"\1{MARK}"),
    (re.compile(r"(xox[a-z]-|xapp-|xwfp-)[A-Za-z0-9-]+"), rf"\1{MARK}"),
    (re.compile(r"((?<![A-Za-z0-9])v1a?,)[A-Za-z0-9+/]{20,}={0,2}"), rf"\1{MARK}"),
    (re.compile(r"((?:sha(?:1|256|512)|v0|v1)=)[0-9A-Za-z+/_-]{27,}=*"), rf"\1{MARK}"),
)
_BASIC = re.compile(r"(?i)(basic\s++)([A-Za-z0-9+/_-]{4,}={0,2})")
_WORD = re.compile(r"[^\s\"'<>]+")

_SECRET_NAME = re.compile(
    r"(?:^|.*_)(?:authorization|cookie2?|password|passwd|secrets?|tokens?|api_?key|private_key|signature(?:_\w+)?|"
    r"hmac(?:_\w+)?|content_mac)$"
)


class Redactor:
    """Redacts by form, and by the secrets of one configuration. Safe to share between threads.

    Args:
        secrets: the values themselves. Each is also found as JSON, as part of an address, and in base64; a webhook
            secret without its prefix, too. Values shorter than 4 characters are passed over: taking them out would
            leave no text readable.
    """

    __slots__ = ("_secret_pattern", "_spellings")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {part for secret in secrets for part in (secret, secret.removeprefix("whsec_"))}
        spellings = {form for value in values if len(value) >= _MIN_SECRET for form in _spellings(value)}
        # The longest first: a secret may begin with another. One inside the mark could never be taken out of it.
        self._spellings = tuple(sorted((s for s in spellings if s not in MARK), key=lambda s: (-len(s), s)))
        self._secret_pattern = re.compile("|".join(map(re.escape, self._spellings)) or r"(?!)")

    @property
    def longest(self) -> int:
        """How many characters the longest spelling of a secret has: what is cut off may end in a part of one."""
        return len(self._spellings[0]) if self._spellings else 0

    def text(self, text: str, limit: int | None = None) -> str:
        """Return `text` without secrets, cut to `limit` characters; the cut is marked by an ellipsis."""
        if self.suspects(text):
            text = self._cleaned(text)
        if limit is not None and len(text) > limit:
            return text[: limit - 1] + "…" if limit > 0 else ""
        return text

    def suspects(self, text: str) -> bool:
        """Tell quickly whether `text`, or the JSON value it is written from, might hold a secret.

        False is certain: `text` and `json` would change nothing. True only means that they have to look.
        """
        lower = text.lower()
        for hint in _HINTS:
            if hint in lower:
                return True
        for spelling in self._spellings:  # noqa: SIM110  # Twice as fast as `any`, and this runs for every log line.
            if spelling in text:
                return True
        return False

    def url(self, url: str) -> str:
        """Return an address without user part, query and fragment; whatever follows `?` or `#` goes, spaces too."""
        base, mark, rest = url, "", ""
        for separator in "?#":
            base, found, tail = base.partition(separator)
            if found:
                mark, rest = "?", tail + rest
        return self.text(base) + (mark + MARK if mark and rest else "")

    def headers(self, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers in their order, with the values of those that carry secrets replaced."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return [(self.text(name), MARK if _names_secret(name) else self.text(value)) for name, value in pairs]

    def json(self, value: object) -> object:
        """Return a copy of a JSON-like value without secrets, in its keys too.

        Values under names such as `password` or `access_token` are replaced whatever they are, unless None or a truth
        value. Numbers and moments stay; anything that JSON does not know becomes redacted text.
        """
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, (bool, int, float, datetime, date)):
            return value
        if isinstance(value, Mapping):
            return {self.text(key): self.field(key, item) for key, item in _named(value)}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.json(item) for item in value]
        if isinstance(value, (bytes, bytearray)):
            return self.text(value.decode(errors="replace"))
        return self.text(str(value))

    def field(self, name: str, value: object) -> object:
        """Return `value` as `json` does, or the mark where `name` says that it is a secret."""
        if _names_secret(name) and value is not None and not isinstance(value, bool):
            return MARK
        return self.json(value)

    def _cleaned(self, text: str) -> str:
        # What one pattern takes out may bring together what another looks for: repeat until nothing changes.
        for _ in range(_MAX_ROUNDS):
            before = text
            text = self._secret_pattern.sub(MARK, text)
            for pattern, replacement in _PATTERNS:
                text = pattern.sub(replacement, text)
            text = _WORD.sub(_address, _BASIC.sub(_basic, text))
            if text == before:
                break
        return text


def _spellings(secret: str) -> set[str]:
    raw = secret.encode(errors="surrogatepass")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(raw, safe=""),
        quote(raw, safe="/"),
        base64.b64encode(raw).decode().rstrip("="),
    }
    # A partner's key is `PUBLIC.SECRET`, a webhook secret `whsec_SECRET`: the second part is told apart too.
    _, _, tail = secret.partition("." if secret.startswith("gva_") else "whsec_")
    return forms | {tail} if len(tail) >= _MIN_SECRET else forms


def _named(value: Mapping[object, object]) -> Iterable[tuple[str, object]]:
    return ((key if isinstance(key, str) else str(key), item) for key, item in value.items())


def _address(match: re.Match[str]) -> str:
    """Cut an address, or a path in one word, at its query; an address at its fragment too."""
    word = match[0]
    path = word.find("/")
    if path < 0:
        return word
    ends = [word.find("?", path), word.find("#", path) if "://" in word else -1]
    end = min((at for at in ends if at >= 0), default=-1)
    return f"{word[:end]}?{MARK}" if 0 <= end < len(word) - 1 else word


def _basic(match: re.Match[str]) -> str:
    """Replace `Basic` credentials, but leave the words "basic authentication" alone: credentials hold a colon."""
    text = match[2].rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    decoded = base64.b64decode(text[: len(text) // 4 * 4])
    return match[1] + MARK if b":" in decoded else match[0]


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.match(name.lower().replace("-", "_")) is not None
