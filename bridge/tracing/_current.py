"""What a task works on: the context that its log lines, its spans and what it sends belong to."""

from contextvars import ContextVar

working_on: ContextVar[str | None] = ContextVar("working_on", default=None)


def current() -> str | None:
    """Return the context of what this task works on; None where that is of no trace."""
    return working_on.get()


def enter(context: str | None) -> None:
    """Let this task, to its end, work on what has that context; None where that is of no trace."""
    working_on.set(context)
