"""What verbs of the client are made of: flags, verbs, and how each may end. Loads nothing but the standard library."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Exit(IntEnum):
    """The exit status of every verb of the client; scripts may rely on these numbers."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    UNREACHABLE = 5
    INTERRUPTED = 130
    CUT = 141


MEANINGS = {
    Exit.OK: "it is done; of what takes its time: it is asked for",
    Exit.REFUSED: "the service, or the partner, will not do it; a test failed, a replay was stopped",
    Exit.USAGE: "the call makes no sense, or nobody could be asked: nothing was sent",
    Exit.NOT_FOUND: "there is no such thing, or not for this token",
    Exit.NOT_ALLOWED: "there is no token, it is not known, or it may not do this",
    Exit.UNREACHABLE: "the service does not answer, is overloaded or out of order: try again later",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
    Exit.CUT: "whoever read the output has gone, as `head` does",
}

Kind = Literal["text", "words", "instant", "number", "switch", "off", "pairs", "header", "json"]


@dataclass(frozen=True, slots=True)
class Flag:
    """An option, under the API's own word (`external_id` is `--external-id`).

    `kind` says what becomes of it: `words` may be repeated or have commas, `instant` may be an age such as 2h, `pairs`
    are NAME=VALUE, `header` is NAME: VALUE, `json` is taken as JSON, `switch` sends true and `off` false.
    """

    name: str
    help: str
    kind: Kind = "text"
    metavar: str = "TEXT"
    choices: tuple[str, ...] = ()
    also: str = ""

    @property
    def option(self) -> str:
        """How it is written."""
        return "--" + (self.also or self.name).replace("_", "-")

    @property
    def dest(self) -> str:
        """Where it stands in the arguments; apart from what every verb has."""
        return f"field_{self.also or self.name}"


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of a noun, such as `posts retry`.

    `operation` is the API's `operationId`, with its method and path; a part of the path in braces is asked for. `look`
    names how the answer is shown. `asks` is the question before something that cannot be taken back, with `{}` for what
    it is done to. `body` are fields of a JSON body, None where there is none; `pages` that it is a list with pages.
    `code` is the module that runs it.
    """

    noun: str
    name: str
    help: str
    operation: str
    method: str
    path: str
    look: str
    query: tuple[Flag, ...] = ()
    body: tuple[Flag, ...] | None = None
    also: tuple[str, ...] = ()
    asks: str = ""
    pages: bool = False
    waits: int | None = None
    example: str = ""
    code: str = "_do"

    @property
    def asked(self) -> str:
        """What has to be named: the part of the path in braces; empty for nothing."""
        _, brace, rest = self.path.partition("{")
        return rest.partition("}")[0] if brace else ""

    @property
    def full(self) -> str:
        """What is typed."""
        return f"bridge {self.noun} {self.name}".rstrip()

    @property
    def several(self) -> bool:
        """Whether it may be asked of several at once: what is done to one thing and takes no fields of its own."""
        return bool(self.asked) and self.method != "GET" and not self.body
