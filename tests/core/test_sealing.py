"""What is sealed is opened by the keys that may, renewed with the newest, and never shown."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.endpoints import Sending
from bridge.core.model import Endpoint
from bridge.core.sealing import Sealer, SealError, Secret, Secrets, Sendings, is_sealing_key
from bridge.core.signing import secret_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU="
FIRST, SECOND, THIRD = (f"whsec_{letter * 32}" for letter in "ABC")
HELD = Secrets((Secret(SECOND), Secret(FIRST, NOW)), {"Authorization": "Bearer sesame"}, "https://ops.example/simsim")


def test_what_was_sealed_is_opened_as_it_was():
    sealed = Sealer([NEW]).seal(HELD)

    assert Sealer([NEW]).open(sealed) == HELD
    assert b"sesame" not in sealed
    assert "sesame" not in repr(HELD)
    assert SECOND not in repr(HELD)
    assert b"simsim" not in sealed
    assert "simsim" not in repr(HELD)


def test_nothing_that_a_request_carries_is_in_its_repr():
    sending = HELD.sending(NOW - timedelta(seconds=1))

    assert sending.url == "https://ops.example/simsim"
    assert repr(sending) == "Sending()"


def test_any_key_opens_and_the_first_seals():
    sealed = Sealer([OLD]).seal(HELD)

    assert Sealer([NEW, OLD]).open(sealed) == HELD
    with pytest.raises(SealError):
        Sealer([OLD]).open(Sealer([NEW, OLD]).seal(HELD))


def test_what_an_older_key_sealed_is_renewed_once():
    both = Sealer([NEW, OLD])
    renewed = both.renewed(Sealer([OLD]).seal(HELD))

    assert renewed is not None
    assert Sealer([NEW]).open(renewed) == HELD
    assert both.renewed(renewed) is None


@pytest.mark.parametrize("act", [Sealer.open, Sealer.renewed], ids=["open", "renewed"])
@pytest.mark.parametrize("sealed", [Sealer([OLD]).seal(HELD), b"", b"junk"], ids=["another key's", "empty", "junk"])
def test_what_no_key_opens_is_told_without_a_word_of_it(act, sealed):
    with pytest.raises(SealError, match=r"^no key of server\.secret_key opens the secrets of this endpoint$"):
        act(Sealer([NEW]), sealed)


def test_a_secret_that_was_replaced_signs_beside_the_new_one_until_its_time():
    rotated = HELD.rotated(THIRD, NOW + timedelta(hours=24))

    assert [one.secret for one in rotated.secrets] == [THIRD, SECOND, FIRST]
    assert rotated.sending(NOW - timedelta(seconds=1)).keys == tuple(map(secret_key, (THIRD, SECOND, FIRST)))
    assert rotated.sending(NOW).keys == tuple(map(secret_key, (THIRD, SECOND)))
    assert rotated.sending(NOW + timedelta(hours=24)).keys == (secret_key(THIRD),)
    assert (rotated.headers, rotated.url) == (HELD.headers, HELD.url)
    assert [one.secret for one in HELD.rotated(THIRD, None).secrets] == [THIRD]


@pytest.mark.parametrize(
    ("key", "sound"),
    [(OLD, True), ("", False), ("a" * 43, False), ("A" * 24 + "=", False), ("ä" * 44, False), (OLD + "AAAA", False)],
)
def test_a_key_is_32_bytes_in_base64(key, sound):
    assert is_sealing_key(key) is sound


def test_a_configured_endpoint_is_sent_with_what_the_configuration_says():
    sending = Sending((b"key",), {"X-Team": "a"})
    sendings = Sendings({"ops": sending})

    assert sendings(Endpoint("ops", "https://ops.example"), NOW) == sending
    with pytest.raises(SealError, match="no such endpoint"):
        sendings(Endpoint("gone", "https://ops.example"), NOW)


def test_an_endpoint_of_the_api_is_sent_with_what_was_sealed_of_it_last():
    sealer = Sealer([NEW])
    sendings = Sendings({"ops": Sending((b"key",))}, sealer)
    made = Endpoint("ops", "https://ops.example", configured=False)

    def sent(*secrets: str) -> Sending:
        held = Secrets(tuple(map(Secret, secrets)))
        return sendings(Endpoint("ops", made.url, configured=False, sealed=sealer.seal(held)), NOW)

    assert sendings(made, NOW) == Sending()
    same = Endpoint("ops", made.url, configured=False, sealed=sealer.seal(Secrets((Secret(FIRST),))))
    assert sendings(same, NOW) == sendings(same, NOW) == Sending((secret_key(FIRST),))
    assert sent(SECOND, FIRST).keys == (secret_key(SECOND), secret_key(FIRST))


def test_an_endpoint_whose_secrets_cannot_be_opened_is_not_sent_to():
    sealed = Endpoint("ops", "https://ops.example", configured=False, sealed=Sealer([OLD]).seal(HELD))

    with pytest.raises(SealError, match="is not set"):
        Sendings({})(sealed, NOW)
    with pytest.raises(SealError, match="no key"):
        Sendings({}, Sealer([NEW]))(sealed, NOW)
