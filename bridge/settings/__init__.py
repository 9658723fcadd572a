"""Reads the configuration once, into frozen `Settings`: a YAML file, `BRIDGE_*` over it, secrets by reference.

`load` reports all faults together, each with its path, its masked value and a remedy. `json_schema` is for editors,
`reference` is docs/configuration.md; both are made from the help that the fields carry.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.core.database_urls import SECRETS, is_postgresql, read_url
from bridge.core.directory import NamedAccount
from bridge.core.errors import Fault, SettingsError
from bridge.core.redact import Redactor
from bridge.settings._build import build, one, secrets
from bridge.settings._checks import check, warnings
from bridge.settings._effective import Effective, effective
from bridge.settings._files import Stamp, content, stamp
from bridge.settings._reference import json_schema, reference
from bridge.settings._tracing import check_variables, header_values, tracing_warnings, without_disabled
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
    Tracing,
)

__all__ = [
    "ORDER",
    "Admin",
    "Database",
    "Effective",
    "EndpointEntry",
    "Entry",
    "Kinds",
    "Log",
    "Reach",
    "Server",
    "Settings",
    "Stamp",
    "Token",
    "Tracing",
    "effective",
    "identity",
    "json_schema",
    "listeners",
    "load",
    "reference",
    "stamp",
]

_DEFAULT_FILE = Path("bridge.yaml")
_LISTENERS = tuple(f"BRIDGE_SERVER__{name}" for name in ("HOST", "PORT", "ADMIN"))


def load(
    path: Path | None,
    environ: Mapping[str, str],
    kinds: Kinds,
    *,
    without_secrets: bool = False,
    again: bool = False,
) -> Settings:
    """Read and check the whole configuration.

    Args:
        path: the YAML file; None takes that of `BRIDGE_CONFIG`, else ./bridge.yaml if it is there, else none.
        environ: the environment, with overrides (`BRIDGE_SERVER__PORT`) and the variables that secrets refer to.
        kinds: the kinds of partners and sources there are.
        without_secrets: take it though its secrets are not at hand; they and the warnings are worth nothing.
        again: something runs by it, so a file that is gone, empty or no regular one is a fault. It looks like that
            while it is being written, and nobody takes away all that runs like that.

    Raises:
        SettingsError: with every fault at once.
    """
    faults = Faults(without_secrets=without_secrets)
    file = _chosen(path, environ)
    tree = _read(file, faults, again=again) if file else {}
    if file is None:
        faults.look_at(_DEFAULT_FILE)
    empty = (f"{file.name}: holds nothing, so it configures nothing",) if file and not tree else ()
    override(tree, environ, ORDER, faults)
    sealing_key(tree, environ, faults)
    tree = resolve(tree, (), environ, file.parent if file else Path(), faults)
    built = build(tree, kinds, faults)
    check(tree, built, kinds, faults)
    tracing = built.get("tracing") or Tracing()
    traced = without_disabled(tracing, environ)
    check_variables(traced, environ, faults)
    if faults.all:
        redact = Redactor(fetched(tree)).text
        hidden = [Fault(item.field, redact(item.problem), redact(item.remedy)) for item in faults.all]
        raise SettingsError(hidden, faults.files)
    told = () if without_secrets else (*empty, *warnings(tree, built), *tracing_warnings(tracing, environ))
    settings = _settings(tree, built, kinds, file, told)
    secrets = tuple(dict.fromkeys((*settings.secrets, *header_values(tracing, environ))))
    return replace(settings, files=faults.files, secrets=secrets, tracing=traced)


def listeners(path: Path | None, environ: Mapping[str, str]) -> Server:
    """Return where bridge listens by the same configuration, for who asks a running one: of the rest nothing is read.

    Args: as those of `load`.

    Raises:
        SettingsError: with every fault of the addresses, or of the file as a whole.
    """
    faults = Faults()
    file = _chosen(path, environ)
    tree = _read(file, faults) if file else {}
    override(tree, {name: text for name, text in environ.items() if name.startswith(_LISTENERS)}, ORDER, faults)
    raw = tree.get("server")
    if isinstance(raw, dict):
        raw = {name: raw[name] for name in ("host", "port", "admin") if name in raw}
    raw = resolve(raw, ("server",), environ, file.parent if file else Path(), faults)
    server = one(Server, raw, ("server",), faults)
    if faults.all:
        raise SettingsError(faults.all)
    return _with_host(server)


def identity(path: Path | None, environ: Mapping[str, str]) -> str:
    """Return a word that a service and who asks it have in common, whatever is in the file by now.

    It is made of the name of the file and of the variables over the addresses: with others of these, the same file may
    be that of several services.

    Args: as those of `load`.
    """
    file = (path or Path(environ.get("BRIDGE_CONFIG") or _DEFAULT_FILE)).absolute()
    over = sorted((name, text) for name, text in environ.items() if name.startswith(_LISTENERS))
    return hashlib.sha256(ascii((str(file), over)).encode()).hexdigest()[:16]


def _chosen(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read."""
    if path or environ.get("BRIDGE_CONFIG"):
        return path or Path(environ["BRIDGE_CONFIG"])
    return _DEFAULT_FILE if _DEFAULT_FILE.is_file() else None


def _with_host(server: Server) -> Server:
    """Return the section with the server's own address where the admin listener has none."""
    if server.admin and not server.admin.host:
        return replace(server, admin=replace(server.admin, host=server.host))
    return server


def _read(file: Path, faults: Faults, *, again: bool = False) -> dict[str, Any]:
    try:
        text = content(faults.look_at(file), pipe=not again).decode()
    except OSError as error:
        gone = again and isinstance(error, FileNotFoundError)
        remedy = "Put it back." if again else "Name another file with --config or BRIDGE_CONFIG."
        faults.add((file.name,), "is gone" if gone else f"cannot be read: {error.strerror}", remedy)
    except ValueError:
        faults.add((file.name,), "is not text in UTF-8", "Save it as UTF-8.")
    else:
        tree = parse(text, faults, file.name)
        if again and not tree and not faults.all:
            faults.add((file.name,), "is empty", "Write what is to run; to end everything, stop bridge.")
        return tree
    return {}


def _settings(
    tree: Mapping[str, Any], built: dict[str, Any], kinds: Kinds, file: Path | None, told: Iterable[str]
) -> Settings:
    told = tuple(told)
    accounts = tuple(
        NamedAccount(name, entry.partner, entry.id, entry.platform, entry.username, entry.retired)
        for name, entry in built["accounts"].items()
    )
    server = _with_host(built["server"])
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
    found += fetched(tree.get("tracing"))
    for section, types in (("partners", kinds.partners), ("sources", kinds.sources)):
        for name, raw in (tree.get(section) or {}).items():
            found += secrets(types[(raw or {}).get("kind", name)], raw)
    url = str((tree.get("database") or {}).get("url", ""))
    known = read_url(url) if is_postgresql(url) else {}
    passwords = [known[name] for name in SECRETS if known.get(name)]
    # Sources leave out the white space around a secret.
    spellings = dict.fromkeys(part for item in found for part in (str(item), str(item).strip()))
    return [*spellings, *passwords]
