"""The connection to a collector, and what its answers mean: the library's exporter looks at the status only."""

from typing import Any, Final

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # It comes without types.
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

ALL: Final = 1 << 31
"""More spans than a request has."""


class Connection(requests.Session):
    """Follows no redirect, which would take headers elsewhere, and remembers what the last request came to.

    `rejected` is how many of its spans were not taken though the exporter believes it, and `error` why not: a status,
    or a kind of error; empty when all is well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rejected, self.error = 0, ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send one request."""
        self.rejected = 0
        try:
            answer = super().send(request, **options | {"allow_redirects": False})
        except requests.RequestException as error:
            self.error = type(error).__name__
            raise
        if 200 <= answer.status_code < 300:
            self.rejected = _rejected(answer.content)
            self.error = "partial success" if self.rejected else ""
            return answer
        self.error = f"status {answer.status_code}"
        self.rejected = ALL if 300 <= answer.status_code < 400 else 0
        return answer


def _rejected(body: bytes) -> int:
    """Read how many spans an answer says were not taken; one that is of another form says nothing."""
    try:
        return max(0, int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans))
    except DecodeError:
        return 0
