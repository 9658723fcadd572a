"""Checks what no single field can tell: references between sections, doubles, and what the configuration opens up."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bridge.core.database_urls import EXAMPLES, SECRETS, UnreadableUrl, is_postgresql, read_url
from bridge.core.mistakes import nearest
from bridge.core.model import ADOPTED
from bridge.core.public_keys import key_fault
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.sealing import is_sealing_key
from bridge.core.targets import ANYWHERE, split
from bridge.settings._build import PLACEHOLDER
from bridge.settings._chats import chat_warnings, check_chats
from bridge.settings._doubts import SHORT_TOKEN, source_warnings
from bridge.settings._endpoints import check_endpoints, endpoint_warnings
from bridge.settings._sources import check_sources, check_templates
from bridge.settings._tracing import check_tracing
from bridge.settings._tree import Faults, Trail
from bridge.settings._types import AccountEntry, Database, Entry, Kinds, Reach, Server, Token, Tracing

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def check(tree: Mapping[str, Any], built: Mapping[str, Any], kinds: Kinds, faults: Faults) -> None:
    """Add the faults of these sections to `faults`.

    What was built stands for what can be read (see `build`): nothing is said against a value on account of another one
    that has a fault itself. A section that could not be built at all is passed over.
    """
    _names(tree, faults)
    _tokens(built["tokens"], faults)
    _partners(tree, built["partners"], faults)
    _accounts(built["accounts"], _keys(tree, "partners"), faults)
    reachable = ANYWHERE if faults.at(("network",)) else built.get("network", Reach()).reachable
    check_endpoints(tree, built, reachable, faults)
    _server(built.get("server", Server()), faults)
    _database(built.get("database", Database()), tree, faults)
    _rules(built.get("publish", PublishRules()), built.get("watch", WatchRules()), faults)
    check_sources(tree, built, kinds, reachable, faults)
    check_chats(built, faults)
    check_tracing(tree.get("tracing"), built.get("tracing") or Tracing(), faults)


def _keys(tree: Mapping[str, Any], section: str) -> list[str]:
    value = tree.get(section)
    return [str(key) for key in value] if isinstance(value, dict) else []


def _names(tree: Mapping[str, Any], faults: Faults) -> None:
    remedy = "Use small letters, digits, - and _; begin with a letter or digit."
    for section in ("partners", "accounts", "sources", "endpoints"):
        for name in _keys(tree, section):
            if not _NAME.fullmatch(name):
                faults.add((section, name), "is not a name", remedy)
    for name in ("api", ADOPTED):
        if name in _keys(tree, "sources"):
            faults.add(("sources", name), "is the name of a built-in source", "Choose another name.")


def _tokens(tokens: Iterable[Token | None], faults: Faults) -> None:
    names: dict[str, int] = {}
    values: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token is None:
            continue
        if not _NAME.fullmatch(token.name):
            faults.add(("tokens", index, "name"), "is not a name", "Use small letters, digits, - and _.")
        if names.setdefault(token.name, index) != index:
            faults.add(
                ("tokens", index, "name"), f"is that of tokens[{names[token.name]}] too", "Give each its own name."
            )
        for value in token.token:
            if value != PLACEHOLDER and values.setdefault(value, index) != index:
                problem = f"is the same secret as that of tokens[{values[value]}]"
                faults.add(("tokens", index, "token"), problem, "Give each caller its own token.")


def _partners(tree: Mapping[str, Any], partners: Mapping[str, Entry], faults: Faults) -> None:
    seen: dict[tuple[str, str], str] = {}
    for name, entry in partners.items():
        raw = tree["partners"][name] or {}
        token = raw.get("token")
        if isinstance(token, str) and seen.setdefault((entry.kind, token), name) != name:
            problem = f"is the same key as that of {seen[entry.kind, token]}: each would spend the other's budget"
            faults.add(("partners", name, "token"), problem, "Keep one entry for each key.")


def _accounts(accounts: Mapping[str, AccountEntry], partners: Iterable[str], faults: Faults) -> None:
    for name, account in accounts.items():
        trail: Trail = ("accounts", name)
        if account.partner not in partners and account.partner != PLACEHOLDER:
            faults.add(
                (*trail, "partner"), f"{account.partner!r} is not under partners", nearest(account.partner, partners)
            )
        if any(faults.within((*trail, field)) for field in ("id", "platform", "username")):
            continue
        halves = (account.platform is None, account.username is None)
        if account.id is not None and halves != (True, True):
            faults.add((*trail, "id"), "is given, and platform or username too", "Keep the id, or the other two.")
        elif account.id is None and any(halves):
            faults.add(trail, "does not say which account", "Give its id, or its platform and its username.")


def _server(server: Server, faults: Faults) -> None:
    if server.public_url is not None:
        parts = split(server.public_url)
        if parts is None or parts.query or parts.fragment or parts.username:
            remedy = "Write it as https://HOST, with a path if there is one."
            faults.add(("server", "public_url"), "is not an http(s) address without user, query and fragment", remedy)
    for place, key in enumerate(server.secret_key, 1):
        if key != PLACEHOLDER and not is_sealing_key(key):
            which = f"key {place} " if len(server.secret_key) > 1 else ""
            remedy = "Make one: openssl rand -base64 32 | tr +/ -_"
            faults.add(("server", "secret_key"), f"{which}is not 32 bytes in URL-safe base64", remedy)
    for key in server.signing_key:
        if key != PLACEHOLDER and (wrong := key_fault(key)):
            remedy = "Make one: echo whsk_$(openssl rand -base64 32)"
            faults.add(("server", "signing_key"), wrong, remedy)
    admin = server.admin
    port_read = not faults.within(("server", "port"))
    if admin and port_read and admin.port == server.port != 0 and admin.host in ("", server.host):
        faults.add(
            ("server", "admin", "port"), "is the port of the server itself", "Leave admin out, or use another port."
        )


def _database(database: Database, tree: Mapping[str, Any], faults: Faults) -> None:
    trail: Trail = ("database", "url")
    scheme, separator, rest = database.url.partition("://")
    if is_postgresql(database.url):
        in_file = type((tree.get("database") or {}).get("url")) is str
        _server_url(database.url, faults, trail, in_file=in_file)
    elif not separator or scheme != "sqlite":
        faults.add(trail, "is not a database that bridge knows", f"Write {EXAMPLES}.")
    elif not rest.startswith("/") or rest in ("/", "/:memory:"):
        faults.add(trail, "does not name a file", "Write sqlite:///bridge.db, or sqlite:////var/lib/bridge/bridge.db.")
    if scheme == "sqlite" and not database.notify:
        remedy = "Leave it out: one process works on a file, and nobody else need be told."
        faults.add(("database", "notify"), "is for PostgreSQL", remedy)


def _server_url(url: str, faults: Faults, trail: Trail, *, in_file: bool) -> None:
    try:
        given = read_url(url)
    except UnreadableUrl as error:
        faults.add(trail, error.problem, error.remedy)
        return
    if in_file and any(given.get(name) for name in SECRETS):
        remedy = "Write url: {env: DATABASE_URL}, and set that variable to the whole address."
        faults.add(trail, "has its password in the file itself", remedy)


def _rules(publish: PublishRules, watch: WatchRules, faults: Faults) -> None:
    for section, first, most, longer in (
        ("watch", "first_poll", "max_poll", watch.first_poll > watch.max_poll),
        ("publish", "backoff_first", "backoff_max", publish.backoff_first > publish.backoff_max),
    ):
        if longer and not faults.within((section, most)):
            faults.add((section, first), f"is longer than {section}.{most}", "Make it as long, or shorter.")
    check_templates(publish, ("publish",), faults)


def warnings(tree: Mapping[str, Any], built: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence on whatever a sound configuration opens up or leaves useless."""
    if not built["partners"]:
        yield "partners: there is none, so nothing can be published."
    yield from _open_tokens(built["tokens"])
    yield from _open_server(built["server"])
    yield from _ephemeral(built["database"])
    yield from _open_network(built["network"])
    yield from endpoint_warnings(built["endpoints"], built["accounts"])
    for name in built["partners"]:
        base_url = (tree["partners"][name] or {}).get("base_url", "")
        if isinstance(base_url, str) and base_url.startswith("http://"):
            yield f"partners.{name}.base_url: is plain http, so the key travels in the clear."
        if not getattr(built["partners"][name].config, "writes", True):
            yield f"partners.{name}.writes: is off, so nothing is published, edited, retried or canceled there."
    yield from source_warnings(tree, built)
    yield from chat_warnings(built)
    for name, other in _same_accounts(built["accounts"]):
        yield f"accounts.{name}: is the same account as {other}."
    if built["retry"].ambiguous == "retry":
        yield "retry.ambiguous: retry may publish a post twice when a network's answer was lost."


def _open_tokens(tokens: Iterable[Token]) -> Iterator[str]:
    index = -1
    for index, token in enumerate(tokens):
        if min(map(len, token.token)) < SHORT_TOKEN:
            yield f"tokens[{index}].token: is shorter than {SHORT_TOKEN} characters and may be guessed."
    if index < 0:
        yield "tokens: there is none, so /v1 refuses everything."


def _open_server(server: Server) -> Iterator[str]:
    public = urlsplit(server.public_url or "")
    if not _local(server.host):
        if server.admin is None:
            yield f"server.host: {server.host} shows /metrics to whoever reaches it; server.admin would part them."
        if public.scheme != "https":
            yield f"server.host: {server.host} speaks plain http; put TLS before it and set server.public_url."
    elif public.scheme == "http" and not _local(public.hostname or ""):
        yield "server.public_url: is plain http, so tokens travel in the clear."


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ephemeral(database: Database) -> Iterator[str]:
    if not database.ephemeral:
        return
    if is_postgresql(database.url):
        yield "database.ephemeral: does nothing with PostgreSQL, which keeps what it is given; leave it out."
    else:
        yield "database.ephemeral: is true, so events that were acknowledged may be lost with the pod, unposted."


def _open_network(network: Reach) -> Iterator[str]:
    for allowed in network.allow:
        yield f"network.allow: outbound requests may reach {allowed}."
    if network.allow_http:
        yield "network.allow_http: outbound requests may be plain http."
    if not network.ports:
        yield "network.ports: is empty, so outbound requests may go to any port."


def _same_accounts(accounts: Mapping[str, AccountEntry]) -> Iterator[tuple[str, str]]:
    seen: dict[AccountEntry, str] = {}
    for name, account in accounts.items():
        first = seen.setdefault(replace(account, retired=False), name)
        if first != name:
            yield name, first
