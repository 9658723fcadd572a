"""Which addresses are refused before anything is sent to them, and what is said of them."""

from ipaddress import ip_network

import pytest

from bridge.core.targets import ANYWHERE, Reachable, shown, url_faults

PUBLIC = Reachable()


@pytest.mark.parametrize(
    "url",
    [
        "https://ops.example.com/hook",
        "https://ops.example.com",
        "https://ops.example.com:8443/a?b=c#d",
        "https://1.1.1.1/hook",
        "https://[2606:4700::1111]/hook",
        "https://xn--bcher-kva.example/hook",
    ],
)
def test_a_public_https_address_is_taken(url):
    assert url_faults(url, PUBLIC) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ops.example.com/hook",
        "ftp://ops.example.com/",
        "https:///hook",
        "https://ops.example.com:0/",
        "https://ops.example.com:99999/",
        "https://ops.example.com/a b",
        "https://ops.example.com/\n",
        "https://ops.example.com\\@evil.example/",
        "https://[::1/",
        "https://ops.example.com/" + "a" * 2000,
    ],
)
def test_what_is_no_address_is_told_once(url):
    assert [fault.problem for fault in url_faults(url, PUBLIC)] == ["is not an http(s) address"]


def test_everything_wrong_is_told_at_once_and_nothing_secret_of_it():
    faults = url_faults("http://me:sesame@127.0.0.1:9000/sesame?sesame", PUBLIC, field="target_url")

    assert [fault.problem for fault in faults] == [
        "has a user or password in it",
        "is plain http",
        "names the port 9000",
        "is the private address 127.0.0.1",
    ]
    assert {fault.field for fault in faults} == {"target_url"}
    assert "sesame" not in str(faults)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
        ),
        *("224.0.0.1", "127.0.0.1.", "[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]"),
    ],
)
def test_a_private_address_is_refused_however_it_is_written(host):
    [fault] = url_faults(f"https://{host}/", PUBLIC)

    assert fault.problem.startswith("is the private address ")


def test_what_is_allowed_is_not_refused():
    allowed = Reachable((ip_network("127.0.0.0/8"),), allow_http=True, ports=(9000,))

    assert url_faults("http://127.0.0.1:9000/", allowed) == []
    assert [fault.problem for fault in url_faults("http://127.0.0.1/", allowed)] == ["names the port 80"]
    assert url_faults("http://10.0.0.1:1/", ANYWHERE) == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0", "0x7f000001", "0177.1", "1.2.3.4.5", "a.1", "127.0x1."])
def test_a_host_that_is_a_number_but_no_address_is_refused(host):
    [fault] = url_faults(f"https://{host}/", PUBLIC)

    assert fault.problem == "names its host by a number that is no address"


@pytest.mark.parametrize(
    "url", ["https://ops.example:8443/a/b?c#d", "https://me:pw@ops.example:8443", "https://ops.example:8443/[redacted]"]
)
def test_of_an_address_its_host_is_shown(url):
    assert shown(url) == "https://ops.example:8443/[redacted]"
