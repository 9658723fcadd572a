"""Reads the configuration once, into frozen `Settings`: a YAML file, `BRIDGE_*` over it, secrets by reference.

`load` reports all faults together, each with its path, its masked value and a remedy. `json_schema` is for editors,
`reference` is docs/configuration.md; both are made from the help that the fields carry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.core.database_urls import SECRETS, is_postgresql, read_url
from bridge.core.directory import NamedAccount
from bridge.core.errors import Fault, SettingsError
from bridge.core.redact import Redactor
from bridge.settings._build import build, secrets
from bridge.settings._checks import check, warnings
from bridge.settings._reference import json_schema, reference
from bridge.settings._tree import Faults, fetched, override, parse, resolve, sealing_key
from bridge.settings._types import (
    NAMED,
    ORDER,
    Admin,
    Database,
    EndpointEntry,
    Entry,
    Kinds,
    Log,
    Reach,
    Server,
    Settings,
    Token,
)

__all__ = [
    "Admin",
    "Database",
    "EndpointEntry",
    "Entry",
    "Kinds",
    "Log",
    "Reach",
    "Server",
    "Settings",
    "Token",
    "json_schema",
    "load",
    "reference",
]

_DEFAULT_FILE = Path("bridge.yaml")


def load(path: Path | None, environ: Mapping[str, str], kinds: Kinds, *, without_secrets: bool = False) -> Settings:
    """Read and check the whole configuration.

    Args:
        path: the YAML file; None takes that of `BRIDGE_CONFIG`, else ./bridge.yaml if it is there, else none.
        environ: the environment, with overrides (`BRIDGE_SERVER__PORT`) and the variables that secrets refer to.
        kinds: the kinds of partners and sources there are.
        without_secrets: take it though its secrets are not at hand; they and the warnings are worth nothing.

    Raises:
        SettingsError: with every fault at once.
    """
    faults = Faults(without_secrets=without_secrets)
    file = path or (Path(environ["BRIDGE_CONFIG"]) if environ.get("BRIDGE_CONFIG") else None)
    if file is None and _DEFAULT_FILE.is_file():
        file = _DEFAULT_FILE
    tree = _read(file, faults) if file else {}
    override(tree, environ, ORDER, faults)
    sealing_key(tree, environ, faults)
    tree = resolve(tree, (), environ, file.parent if file else Path(), faults)
    built = build(tree, kinds, faults)
    check(tree, built, kinds, faults)
    if faults.all:
        redact = Redactor(fetched(tree)).text
        raise SettingsError([Fault(item.field, redact(item.problem), redact(item.remedy)) for item in faults.all])
    return _settings(tree, built, kinds, file, () if without_secrets else warnings(tree, built))


def _read(file: Path, faults: Faults) -> dict[str, Any]:
    try:
        return parse(file.read_text(encoding="utf-8"), faults, file.name)
    except OSError as error:
        faults.add(
            (file.name,), f"cannot be read: {error.strerror}", "Name another file with --config or BRIDGE_CONFIG."
        )
    except ValueError:
        faults.add((file.name,), "is not text in UTF-8", "Save it as UTF-8.")
    return {}


def _settings(
    tree: Mapping[str, Any], built: dict[str, Any], kinds: Kinds, file: Path | None, told: Iterable[str]
) -> Settings:
    told = tuple(told)
    accounts = tuple(
        NamedAccount(name, entry.partner, entry.id, entry.platform, entry.username)
        for name, entry in built["accounts"].items()
    )
    server: Server = built["server"]
    if server.admin and not server.admin.host:
        server = replace(server, admin=replace(server.admin, host=server.host))
    values = {
        **built,
        "server": server,
        "accounts": accounts,
        "tokens": tuple(built["tokens"]),
    }
    hidden = tuple(dict.fromkeys((*_secrets(tree, kinds), *server.secret_key, *server.signing_key)))
    return Settings(**values, warnings=told, secrets=hidden, path=file)


def _secrets(tree: Mapping[str, Any], kinds: Kinds) -> list[str]:
    """Return every secret value, and the passwords in the address of the database."""
    found: list[str] = []
    for raw in tree.get("tokens") or ():
        found += secrets(Token, raw)
    for raw in (tree.get("endpoints") or {}).values():
        found += [*secrets(NAMED["endpoints"], raw), *fetched(raw)]
    for section, types in (("partners", kinds.partners), ("sources", kinds.sources)):
        for name, raw in (tree.get(section) or {}).items():
            found += secrets(types[(raw or {}).get("kind", name)], raw)
    url = str((tree.get("database") or {}).get("url", ""))
    known = read_url(url) if is_postgresql(url) else {}
    passwords = [known[name] for name in SECRETS if known.get(name)]
    # Sources leave out the white space around a secret.
    spellings = dict.fromkeys(part for item in found for part in (str(item), str(item).strip()))
    return [*spellings, *passwords]
