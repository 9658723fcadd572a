"""What both partners' servers do alike: a call goes through key, fault, work and envelope, and strings are pulled."""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.faults import HTML_502, Endpoint, Fault, FaultKind, FaultScript, drop, inject, reword
from bridge.simulator.journal import Entry, Journal


def as_json(status: int, value: Any) -> Response:
    """Answer JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


# The partner's API.


class Revocable(Protocol):
    """A key that can be switched off."""

    active: bool


KeyT = TypeVar("KeyT", bound=Revocable)


def key_of(request: Request, keys: Mapping[str, KeyT]) -> KeyT | None:
    """Find the key whose bearer token the request carries; None if it has none, or one that is switched off."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = keys.get(token.strip()) if scheme.lower() == "bearer" else None
    return key if key is not None and key.active else None


class Exchange(ABC):
    """One request on its way through key, fault, work and envelope; the words of it all are the partner's."""

    operation: str
    request: Request
    entry: Entry
    faults: FaultScript

    @abstractmethod
    def matchable(self) -> str:
        """Give the text in which a fault's `match` is looked for."""

    @abstractmethod
    async def work(self, fault: Fault | None) -> Response:
        """Do what was asked."""

    @abstractmethod
    def refuse(self, fault: Fault, response: Response | None) -> Response:
        """Word a fault in the partner's envelope; `response` is the answer if the work was done first."""

    async def answer(self) -> Response:
        """Work the call off and write its end into the journal."""
        fault = self.faults.take(self.operation, text=self.matchable(), key=self.entry.key)
        self.entry.fault = fault.kind.value if fault else None
        response = await self.work(fault) if fault is None or fault.works_first else None
        if fault is None:
            assert response is not None
            return self.end(response)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.drops:
            return await drop(self.request)
        return self.end(self._faulty(fault, response))

    def end(self, response: Response) -> Response:
        """Write the end into the journal."""
        self.entry.status = response.status_code
        return response

    def _faulty(self, fault: Fault, response: Response | None) -> Response:
        match fault.kind:
            case FaultKind.SLOW:
                assert response is not None
                return response
            case FaultKind.HTML_502:
                return Response(HTML_502, 502, media_type="text/html")
            case FaultKind.EMPTY:
                return Response(b"", 200, media_type="application/json")
            case FaultKind.ANSWER:
                return Response(fault.body, fault.status, headers=fault.headers, media_type="application/json")
            case FaultKind.EXTRA_FIELDS:
                assert response is not None
                return as_json(response.status_code, inject(orjson.loads(response.body), fault.fields))
            case FaultKind.UNKNOWN_STATUS:
                assert response is not None
                return as_json(response.status_code, reword(orjson.loads(response.body), fault.word))
            case _:
                return self.refuse(fault, response)


def serve(begin: Callable[[Request, bytes], Exchange]) -> Endpoint:
    """Make the endpoint of one operation; a caller that hangs up before its body is whole changes nothing."""

    async def endpoint(request: Request) -> Response:
        try:
            raw = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        return await begin(request, raw).answer()

    return endpoint


# The strings behind it.


class Scripted(Protocol):
    """A simulator, as far as its strings are the same everywhere."""

    @property
    def journal(self) -> Journal[Any]:
        """What it was asked."""

    @property
    def faults(self) -> FaultScript:
        """What goes wrong next."""

    def reset(self) -> None:
        """Start again."""


SimulatorT = TypeVar("SimulatorT", bound=Scripted)
Handler = Callable[[SimulatorT, Any, Request], Any | Awaitable[Any]]


def control(simulator: SimulatorT, table: Iterable[tuple[str, str, Handler[SimulatorT]]]) -> list[Route]:
    """Give the routes under `/_control`: the table's, and those that are the same everywhere.

    A bad request answers 400 `{"error"}`.
    """
    common: list[tuple[str, str, Handler[SimulatorT]]] = [
        ("GET", "/journal", _journal),
        ("POST", "/faults", _add_faults),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/reset", _reset),
    ]
    return [
        Route("/_control" + path, _control(simulator, handler), methods=[method])
        for method, path, handler in (*common, *table)
    ]


def _control(simulator: SimulatorT, handler: Handler[SimulatorT]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            done = handler(simulator, orjson.loads(raw) if raw else {}, request)
            return as_json(200, await done if inspect.isawaitable(done) else done)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return as_json(400, {"error": f"{type(error).__name__}: {error}"})

    return endpoint


def _journal(simulator: Scripted, _body: Any, request: Request) -> dict[str, Any]:
    wanted, after = request.query_params.get("operation"), int(request.query_params.get("after", "0"))
    shown = [entry for entry in simulator.journal if entry.sequence > after and wanted in (None, entry.operation)]
    return {"total": simulator.journal.total, "entries": [entry.render() for entry in shown]}


def _add_faults(simulator: Scripted, body: Any, _request: Request) -> dict[str, Any]:
    faults = [Fault(**one) for one in (body if isinstance(body, list) else [body])]
    return {"faults": [simulator.faults.add(fault).render() for fault in faults]}


def _clear_faults(simulator: Scripted, _body: Any, _request: Request) -> dict[str, Any]:
    simulator.faults.clear()
    return {"faults": []}


def _reset(simulator: Scripted, _body: Any, _request: Request) -> dict[str, Any]:
    simulator.reset()
    return {"reset": True}
