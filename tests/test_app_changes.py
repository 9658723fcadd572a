"""What one configuration changes of another, and what of it waits for a restart."""

from dataclasses import fields

from bridge.app._changes import changed, keep_fixed
from bridge.core.rules import Limits
from bridge.settings import ORDER, Admin, Database, Server, Settings, Token

OLD = Settings(
    server=Server(port=1, admin=Admin(port=2, host="a"), max_body=5_000), database=Database(url="sqlite:///a.db")
)


def test_what_a_process_keeps_stays_and_is_named():
    wanted = Settings(
        server=Server(port=3, host="b", max_body=9_000),
        database=Database(url="sqlite:///b.db", notify=False),
        limits=Limits(queue=5),
    )
    settings, names = keep_fixed(OLD, wanted)

    assert names == ("server.host", "server.port", "server.admin", "database.url", "database.notify")
    assert settings == Settings(
        server=Server(port=1, admin=Admin(port=2, host="a"), max_body=9_000),
        database=OLD.database,
        limits=Limits(queue=5),
    )
    assert changed(OLD, settings) == ("server", "limits")


def test_another_secret_is_a_change_and_a_warning_is_none():
    one = Settings(tokens=(Token(name="cms", token=("a-token-0123456789",)),), warnings=("a",))
    other = Settings(tokens=(Token(name="cms", token=("b-token-0123456789",)),), warnings=("b",))

    assert changed(one, other) == ("tokens",)
    assert changed(one, Settings(tokens=one.tokens)) == ()


def test_every_section_is_looked_at():
    beside = {"warnings", "secrets", "path", "files"}
    assert {field.name for field in fields(Settings)} - beside == set(ORDER)
