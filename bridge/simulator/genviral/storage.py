"""The bucket behind the vendor's files: PUT to the signed address, GET of what is there; no API key counts here."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.genviral.files import STORAGE, refusal
from bridge.simulator.genviral.simulator import GenviralSimulator


def routes(simulator: GenviralSimulator) -> list[Route]:
    """Give the bucket's routes, served from one simulator."""

    async def put(request: Request) -> Response:
        file, content = simulator.world.files.get(request.path_params["id"]), await request.body()
        if "authorization" in request.headers:
            return _refused("InvalidArgument")
        if file is None or request.query_params.get("X-Amz-Signature") != file.signature:
            return _refused("SignatureDoesNotMatch")
        refused = refusal(file, content, content_type=request.headers.get("content-type"), now=simulator.world.now())
        if refused:
            return _refused(refused)
        file.content = content
        return Response(status_code=200)

    async def get(request: Request) -> Response:
        file = simulator.world.files.get(request.path_params["name"].partition(".")[0])
        if file is None or file.content is None:
            return Response(status_code=404)
        return Response(file.content, media_type=file.content_type)

    return [
        Route(STORAGE + "/upload/{id}", put, methods=["PUT"]),
        Route(STORAGE + "/{name}", get, methods=["GET"]),
    ]


def _refused(code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", 403, media_type="application/xml")
