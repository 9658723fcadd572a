"""What a kind of source declares (`Kind`), and the source that a declaration and a configuration make (`Hook`).

A kind is a file with one `KIND`: how it is verified, how it is answered, and a function that reads its payload.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from bridge.core import verifying
from bridge.core.errors import Problem
from bridge.core.hook_rules import NONE, SIGNATURE, HookRules
from bridge.core.model import Intent, Item, Json, Person, RawRequest, Verified
from bridge.core.paths import dig, without
from bridge.core.shared_secrets import without_secret
from bridge.core.signing import Check, Encoding, Unverified
from bridge.core.verifying import KeyForm, Open, Place, Scheme, Shared, Signature, Stamp
from bridge.ports import Call, Parsed, Reply
from bridge.sources._body import read_body, read_key

MOST_ITEMS = 200
"""How many things one request may bring."""

POST = ("POST", "PUT")
OK = Reply()
_SAYS = frozenset({Intent.PUBLISH, Intent.SCHEDULE, Intent.UPDATE})
_TEXTS = frozenset({"caption", "captions", "text", "media", "title", "url", "excerpt"})
"""Fields of a publish request of which something can be posted."""
_MOST_PARAMETERS = 100
_LONGEST_WORD = 255


@dataclass(frozen=True, slots=True)
class Payload:
    """A verified request with its body parsed: `data` is an object or a list.

    `source` is the name of the source it came to, `person` what is known of whoever speaks, in a chat.
    """

    raw: RawRequest
    data: Any
    source: str = ""
    person: Person | None = None

    def header(self, name: str) -> str:
        """Return a header by its (lower-case) name, or an empty string."""
        return self.raw.header(name) or ""

    def query(self, name: str) -> str:
        """Return the first query parameter of that name, or an empty string."""
        if self.raw.query.count("&") >= _MOST_PARAMETERS:
            return ""
        return dict(reversed(parse_qsl(self.raw.query))).get(name, "")

    def at(self, path: str) -> Any:
        """Return what stands at a dotted path of the body, or None."""
        return dig(self.data, path)

    def object(self, path: str = "") -> Json:
        """Return the object that stands at a path of the body (the body itself without one), or an empty one."""
        found = self.at(path) if path else self.data
        return found if isinstance(found, Mapping) else {}

    def text(self, *paths: str) -> str:
        """Return the first text (or number) that stands at one of these paths, or an empty string."""
        return text_at(self.data, *paths)


def text_at(data: Any, *paths: str) -> str:
    """Return the first text (or number) that stands at one of these paths, or an empty string."""
    for path in paths:
        value = dig(data, path)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
    return ""


def at_most(listed: Sequence[Any]) -> Sequence[Any]:
    """Return a list of things that a request brings; it is counted before anything is made of it.

    Raises:
        Problem: 400 `too_many`.
    """
    if len(listed) > MOST_ITEMS:
        detail = f"The request has more than {MOST_ITEMS} items. Send at most that many at a time."
        raise Problem(400, "too_many", detail)
    return listed


Read = Callable[[Payload, Any], "Iterable[Item] | Parsed"]
"""Reads the items of a payload, as the configuration says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of sender, as its file declares it.

    Args:
        name: the word in the configuration.
        title: what people call it.
        read: reads its payload; must not fail for what the sender may have left out.
        config_type: the type of its configuration, `HookRules` or more.
        signatures: the schemes it signs with, the strongest first; a request is judged by the first it claims.
        auth: how it proves itself when the configuration does not say, in the words of `HookRules.auth`.
        body: parses the raw body into `Payload.data`.
        reply: how it is answered.
        methods: those of HTTP that it sends events with.
        signed: makes the schemes where they depend on the configuration.
        verify: goes before everything else where a vendor is odd; None leaves the request to the schemes.
        probe: answers what is no event and needs no proof.
        lookup: see `ports.Source.lookup`; gets the configuration last.
        fetches: whether the configuration has what `lookup` needs.
        secretless: whether it may stand without a secret, for what `verify` lets in by itself.
        slow: whether `read` may take seconds of work.
        judge: gives what else is wrong with a configuration that its type cannot see, as `faults` does.
    """

    name: str
    title: str
    read: Read
    config_type: type[Any] = HookRules
    signatures: tuple[Signature, ...] = ()
    auth: str = ""
    body: Callable[[RawRequest], Any] = read_body
    reply: Reply = OK
    methods: tuple[str, ...] = POST
    signed: Callable[[Any], tuple[Signature, ...]] | None = None
    verify: Callable[[RawRequest, Any], bool | None] | None = None
    probe: Callable[[RawRequest, Any], Reply | None] | None = None
    lookup: Callable[[Json, Sequence[bytes], Any], Call | Item] | None = None
    fetches: Callable[[Any], bool] = field(default=lambda _config: False)
    secretless: bool = False
    slow: bool = False
    judge: Callable[[Any], Iterable[tuple[str, str, str]]] | None = None

    def auth_of(self, config: Any) -> str:
        """Return how this kind is verified with this configuration."""
        usual = self.auth or (SIGNATURE if self.schemes_of(config) else "bearer")
        return getattr(config, "auth", None) or usual

    def schemes_of(self, config: Any) -> tuple[Signature, ...]:
        """Return the schemes that it signs with, with this configuration."""
        return self.signed(config) if self.signed else self.signatures

    def faults(self, config: Any) -> list[tuple[str, str, str]]:
        """Return what is wrong with a configuration that its type cannot see: (key, problem, remedy)."""
        auth, secret = self.auth_of(config), getattr(config, "secret", None)
        found = []
        if auth == SIGNATURE and not self.schemes_of(config):
            how = "Say signature: {header: NAME}, or use" if self.signed else "Use"
            remedy = f"{how} bearer, basic, header:NAME, query:NAME, body:PATH or none."
            found.append(("auth", f"{self.title} signs nothing", remedy))
        if auth != SIGNATURE and getattr(config, "signature", None):
            found.append(("signature", f"is not used with auth: {auth}", "Leave one of the two out."))
        if auth == NONE and secret:
            found.append(("secret", "is not used with auth: none", "Leave one of the two out."))
        if auth != NONE and not secret and not self.secretless:
            found.append(("secret", "is missing", "Give {env: NAME}, or say auth: none to let anybody send."))
        if auth == SIGNATURE:
            found += _keyless(self.schemes_of(config), secret or ())
        return [*found, *(self.judge(config) if self.judge else ())]


def standard_signature(brand: str = "webhook") -> Signature:
    """Return the scheme of Standard Webhooks, whose three headers begin with `brand`."""
    return Signature(
        header=f"{brand}-signature",
        separator=" ",
        field="v1",
        between=",",
        template="{id}.{timestamp}.{body}",
        encoding=Encoding.BASE64,
        key=KeyForm.WHSEC,
        stamp=Stamp(header=f"{brand}-timestamp"),
        id_header=f"{brand}-id",
    )


class Hook:
    """A configured source of one kind; fulfils `ports.Source`."""

    def __init__(self, name: str, kind: Kind, config: Any) -> None:
        self.kind, self.reply, self.methods = kind.name, kind.reply, kind.methods
        self.fetches, self.slow = kind.fetches(config), kind.slow
        self._name, self._kind, self._config = name, kind, config
        self._schemes = schemes(kind, config)
        own = (f"{kind.title}'s own way",) if kind.verify else ()
        self.told = " or ".join((*own, *dict.fromkeys(scheme.told for scheme in self._schemes)))
        self._secret_at, self._proofs = _secret_at(self._schemes[0]), _proofs(self._schemes)
        self._secrets = tuple(secret.strip() for secret in getattr(config, "secret", None) or ())

    def verify(self, raw: RawRequest) -> Verified:
        """Check the request by the kind's schemes.

        Raises:
            Unverified: it is not signed, or not by one of our secrets, or too old.
        """
        odd = self._kind.verify(raw, self._config) if self._kind.verify else None
        if odd is False:
            raise Unverified(Check.FORGED)
        if odd:
            return Verified(raw, self._name, f"source:{self._name}", how=f"{self._kind.title}'s own way")
        scheme = self._meant(raw)
        found = verifying.check(scheme, self._secrets, raw)
        if found is not Check.GENUINE:
            raise Unverified(found, scheme.told)
        return Verified(self._kept(raw), self._name, f"source:{self._name}", how=scheme.told)

    def _kept(self, raw: RawRequest) -> RawRequest:
        """Return the request as it may be stored: without a secret that its body or a header brought."""
        if any(name in self._proofs for name, _ in raw.headers):
            raw = replace(raw, headers=tuple(one for one in raw.headers if one[0] not in self._proofs))
        return replace(raw, body=without_secret(raw, self._secrets, self._secret_at)) if self._secret_at else raw

    def _shown(self, data: Any) -> Any:
        """Return what a body says without the field of the secret, which may have the name of one that is read."""
        return without(data, self._secret_at) if self._secret_at else data

    def _meant(self, raw: RawRequest) -> Scheme:
        for scheme in self._schemes:
            if not isinstance(scheme, Signature) or verifying.is_meant(scheme, raw):
                return scheme
        return self._schemes[0]

    def read(self, verified: Verified) -> Parsed:
        """Parse the body and read its items.

        Raises:
            Problem: 400 `invalid_json` with the offset, `invalid_body`, `invalid_key`, `too_many`; 415.
        """
        raw = verified.raw
        payload = Payload(raw, self._shown(self._kind.body(raw)), self._name, verified.person)
        found = self._kind.read(payload, self._config)
        parsed = found if isinstance(found, Parsed) else Parsed(tuple(islice(found, MOST_ITEMS + 1)))
        at_most(parsed.items)
        key = read_key(raw)
        items = tuple(self._finished(item, key if len(parsed.items) == 1 else None) for item in parsed.items)
        return replace(parsed, items=items)

    def _finished(self, item: Item, key: str | None) -> Item:
        """Fall back on `Idempotency-Key`; say of what nothing can be made of that it needs a mapping."""
        if item.key is None and key is not None:
            item = replace(item, key=key)
        item = replace(
            item,
            event=_plain(item.event)[:_LONGEST_WORD],
            key=_short(item.key),
            object_id=_short(item.object_id),
            revision=_short(item.revision),
            url=_plain(item.url),
        )
        says = item.title or item.body or item.excerpt or item.url or item.images or item.own.keys() & _TEXTS
        if item.intent in _SAYS and not says and not _mapped(self._config):
            note = f"Nothing in it is known as a title, a text or a link. Set sources.{self._name}.caption, such as "
            return replace(item, intent=Intent.NEEDS_MAPPING, note=note + '"{{ raw.name }}".')
        return item

    def probe(self, raw: RawRequest) -> Reply | None:
        """Answer what is no event and needs no proof."""
        return self._kind.probe(raw, self._config) if self._kind.probe else None

    def lookup(self, wanted: Json, answers: Sequence[bytes]) -> Call | Item:
        """Say what to ask next, or give the item.

        Raises:
            Problem: an answer cannot be read.
        """
        if self._kind.lookup is None:
            raise Problem(422, "no_lookup", f"{self._kind.title} cannot be asked for more.")
        return self._kind.lookup(wanted, answers, self._config)


def _secret_at(scheme: Scheme) -> str:
    """Return the path at which a body brings the secret, or an empty string."""
    return scheme.name if isinstance(scheme, Shared) and scheme.place is Place.BODY else ""


def _proofs(schemes: Sequence[Scheme]) -> frozenset[str]:
    """Return the headers in which a sender proves itself, whatever the configuration calls them."""
    shared = {one.name for one in schemes if isinstance(one, Shared) and one.place is Place.HEADER}
    return frozenset(shared | {one.header for one in schemes if isinstance(one, Signature)})


def _plain(text: str) -> str:
    """Return a text without NUL, which PostgreSQL does not keep."""
    return text.replace("\0", "")


def _short(word: str | None) -> str | None:
    """Return a word that may be a key: a very long one is hashed."""
    if word is None:
        return None
    plain = _plain(word)
    return plain if len(plain) <= _LONGEST_WORD else "sha256:" + sha256(plain.encode(errors="replace")).hexdigest()


_WRITTEN = {
    KeyForm.TEXT: "some text",
    KeyForm.BASE64: "base64",
    KeyForm.HEX: "hexadecimal digits, an even number of them",
    KeyForm.WHSEC: "whsec_ and base64 after it",
}
"""What a secret of each form looks like."""


def _keyless(schemes: Sequence[Signature], secrets: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Give a fault for each secret that no scheme can sign with: whatever the sender signed would be refused."""
    forms = tuple(dict.fromkeys(scheme.key for scheme in schemes))
    for place, secret in enumerate(secrets, start=1):
        if forms and not any(verifying.is_key(form, secret.strip()) for form in forms):
            which = f"number {place} holds" if len(secrets) > 1 else "holds"
            written = ", or ".join(_WRITTEN[form] for form in forms)
            yield "secret", f"{which} no key: it is not {written}", "Copy it again, whole, as the sender shows it."


def _mapped(config: Any) -> bool:
    return bool(getattr(config, "caption", None) or getattr(config, "captions", None))


def schemes(kind: Kind, config: Any) -> tuple[Scheme, ...]:
    """Return how a configured sender of a kind proves itself, the strongest way first."""
    auth = kind.auth_of(config)
    if auth == SIGNATURE:
        return kind.schemes_of(config)
    if auth == NONE:
        return (Open(),)
    place, _, name = auth.partition(":")
    return (Shared(place=Place(place), name=name.lower() if place == Place.HEADER else name),)
