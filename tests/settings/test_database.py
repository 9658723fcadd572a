"""The URL of the database: what no server need be asked for, and that its password is nowhere to be seen."""

import pytest

from bridge.core.errors import SettingsError

BAD = {
    "an unescaped @": ("postgresql://me:p@hush@db/x", "has an @ or a /"),
    "an unescaped /": ("postgresql://me:p/hush@db/x", "has an @ or a /"),
    "an unescaped / and a number before it": ("postgresql://me:12/hush@db/x", "has an @ or a /"),
    "a password for a port": ("postgresql://me:hush/x", "has a port that is none"),
    "too large a port": ("postgresql://db:65536/x", "has a port that is none"),
    "ports of more hosts": ("postgresql://db:1/x?port=1,2", "more or fewer ports than hosts"),
    "a bad percent sign": ("postgresql://me:hush%zz@db/x", "cannot be read by libpq"),
    "an unknown parameter": ("postgresql://db/x?hush=1", "cannot be read by libpq"),
    "half an address in IPv6": ("postgresql://[db/x", "cannot be read by libpq"),
    "an unknown sslmode": ("postgresql://db/x?sslmode=hush", "has an unknown sslmode"),
    "nothing at all": ("postgresql://", "names neither a host nor a database"),
    "another scheme": ("mysql://me:hush@db/x", "not a database that bridge knows"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("fetched", [False, True])
def test_what_could_never_be_opened_is_a_fault(read, name, fetched):
    url, problem = BAD[name]
    with pytest.raises(SettingsError) as caught:
        read("database: {url: {env: DATABASE}}" if fetched else f"database: {{url: '{url}'}}", DATABASE=url)
    [fault] = caught.value.faults
    assert fault.field == "database.url"
    assert problem in fault.problem
    assert fault.remedy.endswith(".")
    assert "hush" not in str(fault.wire())


def test_the_remedy_can_be_read_as_it_is_meant(read):
    """Redacting it would take out what stands before an @."""
    with pytest.raises(SettingsError) as caught:
        read("database: {url: mysql://db/bridge}")
    assert caught.value.faults[0].remedy == "Write sqlite:///PATH or postgresql://HOST/NAME."


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@db/x",
        "postgres://me:hush@db/x",
        "postgresql+psycopg://me:hush@db/x",
        "postgresql://me@db/x?password=hush",
        "postgresql://me@db/x?sslpassword=hush",
        "postgresql:///x?host=/run&user=me&password=%68ush",
    ],
)
def test_a_password_is_given_as_a_secret_only(read, refused, url):
    assert refused(f"database: {{url: '{url}'}}") == {"database.url": "has its password in the file itself"}
    assert read("database: {url: {env: DATABASE}}", DATABASE=url).secrets == ("hush",)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bridge@db.example.com/bridge",
        "postgres://bridge@db.example.com/bridge",
        "postgresql://bridge@/bridge?host=/var/run/postgresql",
        "postgresql://bridge@db-1.example.com:5432,db-2.example.com:5433/bridge?target_session_attrs=primary",
        "postgresql://bridge@[::1]:5432/bridge?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem",
        "postgresql:///?service=bridge",
        "postgresql:///bridge",
    ],
)
def test_an_address_without_a_password_may_stand_in_the_file(read, url):
    assert read(f"database: {{url: '{url}'}}").secrets == ()


def test_a_password_is_hidden_as_it_is_and_not_as_it_is_written(read):
    settings = read("database: {url: {env: DATABASE}}", DATABASE="postgresql://me:p%40s%2Fs%25w?#rd@db/x")
    assert settings.secrets == ("p@s/s%w?#rd",)


@pytest.mark.parametrize(
    ("database", "told"),
    [
        ("{ephemeral: true}", "is true, so events that were acknowledged may be lost with the pod"),
        ("{url: postgresql://db/bridge, ephemeral: true}", "does nothing with PostgreSQL"),
    ],
)
def test_a_database_that_may_be_lost_is_warned_of(read, database, told):
    [warning] = [one for one in read(f"database: {database}").warnings if one.startswith("database")]
    assert warning.startswith(f"database.ephemeral: {told}")


@pytest.mark.parametrize("database", ["{}", "{ephemeral: false}", "{url: postgresql://db/bridge}"])
def test_a_database_that_stays_is_not_warned_of(read, database):
    assert [one for one in read(f"database: {database}").warnings if one.startswith("database")] == []
