"""`bridge init`: from a partner's key to a `bridge.yaml` with a name for each of its accounts, and a file of secrets.

The key is tried before anything is written. It is asked for without echo, or taken from standard input or a variable,
and is never an argument: those are shown to everybody on the machine.
"""

import argparse
import asyncio
import contextlib
import getpass
import os
import secrets
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bridge import partners
from bridge.cli import _init_words as words
from bridge.cli._init_files import (
    API_TOKEN,
    ENDPOINT_SECRET,
    SECRET_KEY,
    Wanted,
    config_text,
    in_line,
    kept_key,
    names_of,
    put_in_place,
    secrets_text,
    written,
)
from bridge.cli._settings import read
from bridge.core.errors import PartnerError
from bridge.core.model import Listed, Listing
from bridge.ports import Partner


class Unanswered(Exception):
    """Something that is needed was not given, or cannot be right; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written, and where; `kept` are the secrets that are not made here."""

    wanted: Wanted
    accounts: Mapping[str, Listed]
    config: Path
    secrets_file: Path
    kept: Mapping[str, str]


def run(arguments: argparse.Namespace) -> int:
    """Ask, try the key, write; 0 when both files are there, 1 when nothing was written, 2 when something is missing."""
    try:
        draft = _draft(arguments)
        if draft is None or not _write(draft):
            return 1
    except Unanswered as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except EOFError:
        sys.stderr.write("\nNothing was written.\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename} cannot be written: {error.strerror}. Nothing was written.\n")
        return 1
    _finish(draft)
    return 0


def _draft(arguments: argparse.Namespace) -> Draft | None:
    """Ask for what was not given, and try the key; None after telling why it does not work.

    Raises:
        Unanswered: something is missing or cannot be right.
        EOFError: the person has left.
    """
    config, secrets_file = _places(arguments)
    kind = _kind(arguments)
    key, token_env = _key(arguments, kind)
    try:
        accounts = names_of(asyncio.run(_listing(_client(kind, key, arguments.base_url))).accounts)
    except PartnerError as error:
        sys.stderr.writelines(f"{line}\n" for line in words.refused(kind, error))
        return None
    _told(kind, accounts)
    wanted = Wanted(kind, token_env, arguments.base_url, _endpoint(arguments))
    _agree(arguments, config, secrets_file)
    return Draft(wanted, accounts, config, secrets_file, {} if arguments.token_env else {token_env: key})


def _places(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Return where the two files go.

    Raises:
        Unanswered: one is there, and may not be replaced, or there is no such folder.
    """
    config: Path = arguments.out
    secrets_file = config.with_suffix(".env")
    if config == secrets_file:
        raise Unanswered("The secrets go into a file that ends in .env: name the other one with --out bridge.yaml.")
    for path in (config, secrets_file):
        if path.exists() and not path.is_file():
            raise Unanswered(f"{path} is there and is no file. Name a file with --out, such as bridge.yaml.")
        if path.exists() and not arguments.force:
            raise Unanswered(f"{path} is there already. Name another with --out, or replace it with --force.")
    if not config.parent.is_dir():
        raise Unanswered(f"There is no folder {config.parent}. Make it, or name another file with --out.")
    return config, secrets_file


def _kind(arguments: argparse.Namespace) -> str:
    kinds = list(partners.PARTNERS)
    kind = arguments.partner or _ask(f"Partner ({' or '.join(kinds)}): ", "--partner")
    if kind not in kinds:
        raise Unanswered(f"There is no partner {kind!r}. There are: {', '.join(kinds)}.")
    return str(kind)


def _key(arguments: argparse.Namespace, kind: str) -> tuple[str, str]:
    """Return the key and the variable that is to have it."""
    if arguments.token_env:
        key = os.environ.get(arguments.token_env, "").strip()
        if not key:
            raise Unanswered(f"The variable {arguments.token_env} is not set. Put the partner's key in it.")
        if arguments.token_env in (API_TOKEN, ENDPOINT_SECRET, SECRET_KEY):
            raise Unanswered(f"{arguments.token_env} is bridge's own. Put the partner's key in another variable.")
        return key, arguments.token_env
    if sys.stdin.isatty():
        key = getpass.getpass(f"{words.TITLES[kind]} key (not shown): ").strip()
    else:
        key = sys.stdin.readline().strip()
    if not key:
        raise Unanswered("There is no key. Type it, send it on standard input, or name its variable with --token-env.")
    return key, f"{kind.upper()}_TOKEN"


def _endpoint(arguments: argparse.Namespace) -> str | None:
    if arguments.endpoint or not _asks(arguments):
        return arguments.endpoint or None
    return input("Address for webhooks, https://... (empty for none): ").strip() or None


def _agree(arguments: argparse.Namespace, config: Path, secrets_file: Path) -> None:
    if _asks(arguments) and input(f"Write {config} and {secrets_file}? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        raise Unanswered("Nothing was written.")


def _asks(arguments: argparse.Namespace) -> bool:
    """Whether there is somebody to ask what has a default."""
    return sys.stdin.isatty() and not arguments.yes


def _ask(question: str, flag: str) -> str:
    if not sys.stdin.isatty():
        raise Unanswered(f"Nobody can be asked here: give {flag}.")
    return input(question).strip().lower()


def _client(kind: str, key: str, base_url: str | None) -> Partner:
    given = {"token": key} | ({"base_url": base_url} if base_url else {})
    try:
        config = partners.CONFIGS[kind](**given)  # type: ignore[arg-type]  # Every kind has these two.
    except ValueError as error:
        raise Unanswered(f"This cannot be right: {error}. Nothing was written.") from None
    return partners.build(kind, config, lambda *_: None)


async def _listing(partner: Partner) -> Listing:
    try:
        return await partner.accounts()
    finally:
        await partner.close()


def _told(kind: str, accounts: Mapping[str, Listed]) -> None:
    _say([f"{words.TITLES[kind]} takes the key. Its accounts:" if accounts else "The key has no accounts yet."])
    _say(f"    {name:<32} {in_line(f'{one.platform} {one.username} ({one.state})')}" for name, one in accounts.items())


def _write(draft: Draft) -> bool:
    """Write both files if `bridge check` would take them; False after its faults were told.

    Raises:
        OSError: a file cannot be written.
    """
    made = {**draft.kept, API_TOKEN: secrets.token_urlsafe(32)}
    if not any(os.environ.get(name) for name in (SECRET_KEY, f"{SECRET_KEY}_FILE")):
        made[SECRET_KEY] = kept_key(draft.secrets_file) or urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if draft.wanted.endpoint is not None:
        made[ENDPOINT_SECRET] = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    text = config_text(draft.wanted, draft.accounts, draft.secrets_file)
    with contextlib.ExitStack() as stack:
        beside = stack.enter_context(written(draft.config, text))
        hidden = stack.enter_context(written(draft.secrets_file, secrets_text(made)))
        if read(beside, {**os.environ, **made}) is None:
            return False
        beside.chmod(0o644)  # There is no secret in it.
        put_in_place([(hidden, draft.secrets_file), (beside, draft.config)])
    return True


def _finish(draft: Draft) -> None:
    config, secrets_file, variable = draft.config, draft.secrets_file, draft.wanted.token_env
    whose = "the key and a new token" if draft.kept else f"a new token; the key stays in {variable}, set it for bridge"
    _say(["", f"Wrote {config}: {len(draft.accounts)} accounts, each with a name."])
    _say([f"Wrote {secrets_file}, for its owner alone: {whose}. Do not commit it.", "", "Next:", ""])
    _say([*words.next_commands(config, secrets_file), ""])
    _say(words.first_post(draft.wanted.kind, draft.accounts, datetime.now(UTC)))


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
