"""Several messages for Slack as few: a block for each cause, and more of the same counted in one block."""

import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from bridge.core.block_kit import MOST_BLOCKS, MOST_IN_ALL, Block, header, length, message, section
from bridge.core.formats._slack import CAUSE, CLOSED, OPENED

NAMED = 3
"""How many posts are named of those that are merely counted."""

_OVER = "✅ A person had to act, and that is over already"
_POST = re.compile(r" · (post_\w+) · <!date")


def parts(bodies: Sequence[bytes]) -> list[list[int]]:
    """Return which bodies go into which message, by their numbers: all are told, and causes come first.

    A message has no more than Slack takes of it, and no less than one block.
    """
    made: list[list[int]] = []
    blocks, taken = 0, 0
    for numbers, block in _alike([_only(orjson.loads(body)) for body in bodies]):
        size = length(block)
        # One block beside these is the header.
        if not made or blocks == MOST_BLOCKS - 1 or taken + size > MOST_IN_ALL:
            made.append([])
            blocks = taken = 0
        made[-1] += numbers
        blocks, taken = blocks + 1, taken + size
    return [sorted(numbers) for numbers in made]


def gathered(bodies: Sequence[bytes]) -> bytes:
    """Return several messages, as `parts` puts them together, as one."""
    messages = [orjson.loads(body) for body in bodies]
    alike = list(_alike([_only(one) for one in messages]))
    blocks = [block for _, block in alike]
    first, text = blocks[0], messages[alike[0][0][-1]]["text"]
    text = _over(text) if _said(first).startswith(f"*{_OVER}") else text
    if len(blocks) == 1:
        return message(text, blocks)
    title = f"{len(blocks)} things happened"
    return message(f"{title}, such as: {text}", [header(title), *blocks])


def _only(one: Mapping[str, list[Block]]) -> Block:
    """Return the block that a message of one event has."""
    [block] = one["blocks"]
    return block


def _alike(blocks: Sequence[Block]) -> Iterator[tuple[list[int], Block]]:
    """Give the numbers of blocks that tell of the same, and the block that says it of them all; causes first."""
    places: dict[str, list[int]] = {}
    for number, block in enumerate(blocks):
        places.setdefault(str(block["block_id"]), []).append(number)
    for name, numbers in sorted(places.items(), key=lambda item: not item[0].startswith(CAUSE)):
        same = [blocks[number] for number in numbers]
        yield numbers, _of_cause(same) if name.startswith(CAUSE) else _counted(same)


def _of_cause(same: Sequence[Block]) -> Block:
    """Let the newest word count, but say so when all of it happened within one message."""
    last = _said(same[-1])
    if last.startswith(f"*{CLOSED}") and any(_said(one).startswith(f"*{OPENED}") for one in same):
        return section(str(same[-1]["block_id"]), [_over(last)])
    return same[-1]


def _over(text: str) -> str:
    return text.replace(CLOSED, _OVER, 1)


def _counted(same: Sequence[Block]) -> Block:
    """Let the first speak for all, and name some of the others' posts."""
    if len(same) == 1:
        return same[0]
    _, *others = dict.fromkeys(found[1] for one in same if (found := _POST.search(_said(one)))) or [""]
    more = f"and {len(same) - 1} more like it{': ' if others else ''}{', '.join(others[:NAMED])}"
    return section(str(same[0]["block_id"]), [_said(same[0]), f"_{more}_"])


def _said(block: Block) -> str:
    text = block["text"]
    assert isinstance(text, Mapping)  # Made by `section`.
    return str(text["text"])
