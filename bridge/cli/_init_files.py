"""What `bridge init` writes: a commented `bridge.yaml`, and the file of secrets that goes with it."""

import contextlib
import json
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.core.model import AccountState, Listed

API_TOKEN, ENDPOINT_SECRET, SECRET_KEY = "BRIDGE_TOKEN", "BRIDGE_ENDPOINT_SECRET", "BRIDGE_SECRET_KEY"
_ENDPOINT = "ops"
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9]*-[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `token_env` is the variable of the partner's key; `base_url` and `endpoint` may be None."""

    kind: str
    token_env: str
    base_url: str | None
    endpoint: str | None


def names_of(accounts: Iterable[Listed]) -> dict[str, Listed]:
    """Give each account a name of its own: its user name and platform in small letters, numbered where they meet."""
    named: dict[str, Listed] = {}
    for account in accounts:
        who = account.username or account.display_name or account.id
        plain = unicodedata.normalize("NFKD", f"{who}-{account.platform}".lower())
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[\u0300-\u036f]", "", plain)).strip("-") or "account"
        found, number = name, 2
        while found in named:
            found, number = f"{name}-{number}", number + 1
        named[found] = account
    return named


def config_text(wanted: Wanted, accounts: Mapping[str, Listed], secrets_file: Path) -> str:
    """Return the configuration; what people and partners gave stands in it in quotes."""
    return "\n".join(
        [
            "# Written by `bridge init`. docs/configuration.md explains each key; `bridge check` lists every fault.",
            f"# Secrets are not in here: {{env: NAME}} takes a variable. {in_line(secrets_file.name)} sets them.",
            "",
            "partners:                       # one entry for each key; several of one kind are normal",
            f"  {wanted.kind}:",
            f"    kind: {wanted.kind}",
            f"    token: {{env: {wanted.token_env}}}",
            *([f"    base_url: {_text(wanted.base_url)}"] if wanted.base_url else []),
            "    # writes: off               # everything but writes: reads go on, nothing is published",
            "",
            *_accounts(wanted.kind, accounts),
            "",
            "tokens:                         # who may call /v1",
            f"  - {{name: me, token: {{env: {API_TOKEN}}}, scopes: [publish, read, admin]}}",
            *_endpoint(wanted.endpoint),
            "",
        ]
    )


def _accounts(kind: str, accounts: Mapping[str, Listed]) -> Iterator[str]:
    if not accounts:
        yield "accounts: {}                    # the key has none yet; GET /v1/accounts lists them once it has"
        return
    yield "accounts:                       # our names for the partner's accounts: change them as you like"
    who = Counter((one.platform, one.username) for one in accounts.values())
    for name, account in accounts.items():
        alone = bool(account.username) and who[account.platform, account.username] == 1
        which = _which(kind, account, alone=alone)
        yield f"  {_key(name)}: {{partner: {kind}, {which}}}    # {in_line(_told(account))}"


def _key(name: str) -> str:
    """Return a name as a key: what YAML may take for a number, a date or `yes` stands in quotes."""
    return name if _PLAIN_KEY.fullmatch(name) else _text(name)


def _which(kind: str, account: Listed, *, alone: bool) -> str:
    """Say which account is meant, in a way that outlives its being reconnected at this partner."""
    if kind in _NEW_IDS and alone:
        return f"platform: {_text(account.platform)}, username: {_text(account.username)}"
    return f"id: {_text(account.id)}"


def _told(account: Listed) -> str:
    who = f"{account.display_name or account.username} on {account.platform}"
    return who if account.state is AccountState.ACTIVE else f"{who}; {account.state}: {account.detail}".rstrip(": ")


_NEW_IDS = ("genviral",)
"""Partners at which an account that was removed and connected again has another id."""


def _endpoint(url: str | None) -> Iterator[str]:
    yield ""
    if url is None:
        yield "# endpoints:                    # where events go, signed as Standard Webhooks"
        yield "#   ops: {url: https://ops.example.com/hook, secret: {env: OPS_SECRET}, events: [post.*, attention.*]}"
        return
    yield "endpoints:                      # where events go, signed as Standard Webhooks"
    yield f"  {_ENDPOINT}:"
    yield f"    url: {_text(url)}"
    yield f"    secret: {{env: {ENDPOINT_SECRET}}}"
    yield '    events: ["*"]'


def _text(value: str) -> str:
    """Return text in quotes, as JSON and YAML both read it: what cannot be seen is escaped, so it is no line end."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in quoted)


def in_line(text: str) -> str:
    """Return text as it may stand in a comment or on a terminal: on one line, nothing that a terminal obeys."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def secrets_text(secrets: Mapping[str, str]) -> str:
    """Return the lines `NAME=value`, for a shell, systemd's EnvironmentFile or a container."""
    head = "# Secrets of bridge.yaml. Keep this file out of version control; only its owner may read it."
    return "\n".join([head, *(f"{name}={shlex.quote(value)}" for name, value in secrets.items()), ""])


def kept_key(secrets_file: Path) -> str | None:
    """Return the key that an earlier file of secrets has: what was sealed with it would be lost with it."""
    lines = secrets_file.read_text(encoding="utf-8", errors="replace").splitlines() if secrets_file.exists() else []
    given = [line.removeprefix(f"{SECRET_KEY}=") for line in lines if line.startswith(f"{SECRET_KEY}=")]
    return given[-1].strip("\"'") if given else None


@contextlib.contextmanager
def written(path: Path, text: str) -> Iterator[Path]:
    """Write a file beside its place, for its owner alone; taken away again unless it was moved there meanwhile."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    try:
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def put_in_place(made: Sequence[tuple[Path, Path]]) -> None:
    """Move written files to their places; what stood there is kept as NAME.old, NAME.old.2 and so on."""
    for _, path in made:
        if path.exists():
            path.replace(_free_name(path))
    for beside, path in made:
        beside.replace(path)


def _free_name(path: Path) -> Path:
    """Return the first name for an old copy that nothing has yet: none that was kept before is lost."""
    old, number = path.with_name(f"{path.name}.old"), 2
    while old.exists():
        old, number = path.with_name(f"{path.name}.old.{number}"), number + 1
    return old
