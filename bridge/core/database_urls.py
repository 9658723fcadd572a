"""Reads the URL of a database on a server, as libpq does, and refuses what it would take for something else.

No part of a URL is ever repeated: what was taken for a host may be the end of a password.
"""

from typing import Any

SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""The parameters whose values nobody may see."""

EXAMPLES = "sqlite:///PATH or postgresql://HOST/NAME"

_ENCODE = "Percent-encode the signs @ / ? # % of the password (@ is %40)"
_ONE_OF = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}


class UnreadableUrl(ValueError):
    """What is wrong with a URL, and what would be right; neither has a part of it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem, self.remedy = problem, remedy


def is_postgresql(url: str) -> bool:
    """Say whether a URL is one of PostgreSQL: both of libpq's schemes, also with a driver as SQLAlchemy has it."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.partition("+")[0] in ("postgresql", "postgres")


def read_url(url: str) -> dict[str, Any]:
    """Return the parameters that a URL of PostgreSQL gives, decoded.

    Raises:
        UnreadableUrl: libpq cannot read it, or reads a part of a password as something else, or it says nothing.
    """
    # Ten megabytes that only this engine needs.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    rest = url.partition("://")[2]
    before, at, after = rest.partition("@")
    # For libpq the first @ ends the password, and a / before it ends the host.
    if "@" in after or (at and "/" in before):
        raise UnreadableUrl("has an @ or a / that libpq does not take for a part of the password", f"{_ENCODE}.")
    try:
        given = conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError:
        # The driver's own words have the whole URL.
        remedy = f"{_ENCODE}, and give only parameters that libpq knows."
        raise UnreadableUrl("cannot be read by libpq", remedy) from None
    _check(given)
    return given


def _check(given: dict[str, Any]) -> None:
    """Refuse what libpq itself refuses before it asks a server."""
    ports, hosts = str(given.get("port") or "").split(","), str(given.get("host") or "").split(",")
    if not all(port == "" or (port.isascii() and port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        raise UnreadableUrl("has a port that is none", f"Write HOST:5432. {_ENCODE}.")
    if len(ports) not in (1, len(hosts)):
        raise UnreadableUrl("has more or fewer ports than hosts", "Write HOST:PORT,HOST:PORT.")
    for name, values in _ONE_OF.items():
        if given.get(name, values[0]) not in values:
            raise UnreadableUrl(f"has an unknown {name}", f"Write one of {', '.join(values)}.")
    if not any(given.get(name) for name in ("host", "hostaddr", "dbname", "service")):
        raise UnreadableUrl("names neither a host nor a database", "Write postgresql://HOST/NAME.")
