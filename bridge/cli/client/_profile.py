"""Which service is asked, and with which token: flags, environment, or a profile."""

import argparse
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.cli.client._failed import Failed
from bridge.cli.client._words import Exit

LOCAL = "http://127.0.0.1:8080"
"""Where `bridge serve` listens when nobody says otherwise."""


@dataclass(frozen=True, slots=True, repr=False)
class Service:
    """A service and who asks it; `name` is of the profile, if it is one's."""

    url: str
    token: str | None
    name: str | None = None

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def path() -> Path:
    """Return where the profiles are kept, which is the user's own folder for configuration."""
    from platformdirs import user_config_path

    return user_config_path("bridge", appauthor=False) / "profiles.toml"


def profiles() -> Mapping[str, Any]:
    """Return the file of profiles as it is; empty when there is none.

    Raises:
        Failed: it cannot be read.
    """
    file = path()
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failed(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.", Exit.USAGE) from None
    kept = tree.get("profiles", {})
    well = isinstance(kept, Mapping) and all(isinstance(one, Mapping) for one in kept.values())
    if not well or not isinstance(tree.get("use", ""), str):
        raise Failed(f"{file} is to have `use`, a name, and a table [profiles.NAME] for each service.", Exit.USAGE)
    if any("token" in one and isinstance(one["token"], str) for one in kept.values()):
        _warn_of(file)
    return tree


def service(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Service:
    """Return which service is asked: a flag comes before the environment, and that before the profile in use.

    A profile that a flag names comes before the environment, too. The token of a profile goes to its address alone.

    Raises:
        Failed: there is no such profile, or it makes no sense.
    """
    named = arguments.profile or environ.get("BRIDGE_PROFILE")
    by_flag = arguments.profile is not None
    if arguments.token == "":
        raise Failed("--token is empty. Give one, or leave it out.", Exit.USAGE)
    # A variable that is set to nothing is not set.
    url = arguments.url or (None if by_flag else environ.get("BRIDGE_URL") or None)
    token = arguments.token or (None if by_flag else environ.get("BRIDGE_TOKEN") or None)
    if named or not url:
        name, kept = _kept(named)
        if kept is not None and (url is None or _plain(url) == _plain(kept["url"])):
            url = kept["url"]
            return checked(url, token or token_of(name or "", kept, environ), name)
    return checked(url or LOCAL, token)


def _kept(named: str | None) -> tuple[str | None, Mapping[str, Any] | None]:
    tree = profiles()
    name = named or tree.get("use")
    if not name:
        return None, None
    kept = tree.get("profiles", {}).get(name)
    if not isinstance(kept, Mapping) or not isinstance(kept.get("url"), str):
        there = ", ".join(tree.get("profiles", {})) or "none"
        raise Failed(f"There is no profile {name!r} with a `url`. There are: {there}.", Exit.USAGE)
    return name, kept


def token_of(name: str, kept: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return the token of a profile, from where it says that it is.

    Raises:
        Failed: it is not there.
    """
    token = kept.get("token")
    if "token_env" in kept:
        found = environ.get(str(kept["token_env"]))
        if not found:
            told = f"The profile {name} has its token in {kept['token_env']}, which is not set. Set it."
            raise Failed(told, Exit.USAGE)
        return found
    if isinstance(token, Mapping) and isinstance(token.get("file"), str):
        return _read(name, Path(token["file"]).expanduser())
    if token is not None and not isinstance(token, str):
        told = f'The profile {name} has a token that is neither a text nor {{file = "..."}}. See {path()}.'
        raise Failed(told, Exit.USAGE)
    return token


def _read(name: str, file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        told = f"The profile {name} has its token in {file}, which cannot be read: {getattr(error, 'strerror', error)}."
        raise Failed(told, Exit.USAGE) from None
    _warn_of(file)
    return token


def _warn_of(file: Path) -> None:
    """Warn of a file with a token that others may read."""
    mode = file.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        sys.stderr.write(f"warning: {file} has a token and can be read by others: chmod 600 {file}\n")


def _plain(url: str) -> str:
    given = url.strip().rstrip("/")
    return given if "://" in given else f"http://{given}"


def checked(url: str, token: str | None, name: str | None = None) -> Service:
    """Return a service; refuse what is no address, and warn of a token that goes in clear.

    Raises:
        Failed: it is no http address, or no token.
    """
    one = Service(_plain(url), token, name)
    if not _is_address(one.url):
        told = "is no address of a service. Give one such as https://bridge.example.com"
        raise Failed(f"{one.url.partition('?')[0].partition('#')[0][:80]!r} {told}", Exit.USAGE)
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise Failed("The token has characters that no token has: look at where it comes from.", Exit.USAGE)
    if token and one.url.startswith("http:") and not one.here:
        sys.stderr.write(f"warning: the token goes to {urlsplit(one.url).hostname} in clear: use https\n")
    return one


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and " " not in url
    return parts.scheme in ("http", "https") and named and plain and parts.username is None
