"""What `bridge drill` cannot play, and what both rehearsals take on the command line."""

import pytest

from bridge.cli import main
from bridge.cli._drill_stage import can_notify
from bridge.settings import EndpointEntry


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (
            ["--partner", "nobody"],
            "partners: {gv: {kind: genviral, token: {env: NOT_SET}}}",
            "'nobody' is not under partners.",
        ),
        ([], "log: {level: info}", "There is no key under partners."),
        ([], "nonsense: 1", "nonsense: is not a section of the configuration"),
    ],
)
def test_what_cannot_be_drilled_is_told_in_a_sentence(tmp_path, capsys, words, text, said):
    path = tmp_path / "bridge.yaml"
    path.write_text(text)

    status = main(["drill", "outage", *words, "-c", str(path)])

    shown = capsys.readouterr()
    assert (status, shown.out) == (2, "")
    assert said in shown.err


def test_a_scene_that_there_is_not_makes_no_sense(capsys):
    with pytest.raises(SystemExit) as left:
        main(["drill", "meteor"])

    assert left.value.code == 2
    assert "dead-token, outage, plan-lapsed" in capsys.readouterr().err.replace("'", "")


@pytest.mark.parametrize(
    ("url", "secret", "can"),
    [
        ("https://ops.example.com/", ("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=",), True),
        ("https://ops.example.com/", ("https://placeholder.invalid/",), False),
        ("https://placeholder.invalid/", (), False),
        ("https://ops.example.com/", ("whsec_?",), False),
    ],
)
def test_only_what_is_at_hand_can_really_be_told(url, secret, can):
    assert can_notify(EndpointEntry(url=url, secret=secret)) is can
