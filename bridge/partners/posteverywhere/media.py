"""Files stored with PostEverywhere, which publishes none that it does not keep: fetched by it, or brought.

Bringing takes three calls: ask where to (POST /media/upload), bring the bytes there (a form for images, PUT for
videos, at a storage that must not see the credential), and say so (POST /media/{id}/complete). Videos are worked on
until GET /media/{id} says `ready`. Sources: https://developers.posteverywhere.ai (media), code of @posteverywhere/sdk
1.4.2 (which repeats the second and third call up to three times), read by 2026-11.
"""

import re
from dataclasses import dataclass

import orjson

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Hosted, Json
from bridge.partners._budget import Priority
from bridge.partners._http import Answer
from bridge.partners._replies import unreadable
from bridge.partners.posteverywhere import replies
from bridge.partners.posteverywhere.calls import Calls, path_of
from bridge.ports import MediaFile

CYCLES = 3
"""How often bytes that have not landed are brought again."""
_NOT_LANDED = re.compile(r"not found|make sure you uploaded|uploaded the file", re.IGNORECASE)
_CANNOT_FETCH = (400, 404, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class Library:
    """The files of one key."""

    calls: Calls

    async def fetch(self, url: str) -> Hosted | None:
        """Let the vendor fetch a file; None when it refuses: a private address, or a kind it takes by upload only."""
        try:
            answer = await self._post("/media/upload-from-url", {"url": url})
        except PartnerError as error:
            if error.status in _CANNOT_FETCH and error.failure is FailureClass.TERMINAL:
                return None
            raise
        return replies.hosted(answer.status, answer.body, None, self.calls.http.redactor)

    async def bring(self, media: MediaFile) -> Hosted:
        """Upload a file, in three cycles at most."""
        asked = {"filename": media.filename, "content_type": media.content_type, "size": media.size}
        answer = await self._post("/media/upload", asked | {"file_size": media.size})
        target = _Target.of(answer)
        for cycle in range(1, CYCLES + 1):
            await self.calls.http.upload("host", target.method, target.url, media, refuse=_refuse_storage)
            try:
                done = await self._post(path_of("media", target.media_id, "/complete"))
            except PartnerError as error:
                if cycle == CYCLES or error.key_wide or not _NOT_LANDED.search(error.detail):
                    raise
                continue
            return replies.hosted(done.status, done.body, target.media_id, self.calls.http.redactor)
        raise AssertionError("the last cycle returns or raises")

    async def look(self, media_id: str) -> Hosted:
        """See how a file stands."""
        answer = await self.calls.read("host", path_of("media", media_id), priority=Priority.COMMAND)
        return replies.hosted(answer.status, answer.body, media_id, self.calls.http.redactor)

    async def _post(self, path: str, body: Json | None = None) -> Answer:
        return await self.calls.write("host", path, b"" if body is None else orjson.dumps(dict(body)))


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the vendor wants a file brought."""

    media_id: str
    url: str
    method: str

    @classmethod
    def of(cls, answer: Answer) -> "_Target":
        """Read it; without a method it is PUT, as the vendor's own client does always."""
        data = replies.data_of(answer.body)
        media_id, url, method = (data.get(name) for name in ("media_id", "upload_url", "upload_method"))
        if not isinstance(media_id, str) or not media_id or not isinstance(url, str) or not url:
            raise unreadable(answer.status, "the answer has no place to upload to", write=False)
        form = str(method).upper() == "POST" or (method is None and data.get("protocol") == "multipart")
        return cls(media_id, url, "POST" if form else "PUT")


def _refuse_storage(answer: Answer) -> PartnerError | None:
    """Judge what the storage answers: a signature that is too old (403) is made anew, as is what may pass."""
    if 200 <= answer.status < 300:
        return None
    passes = answer.status in (403, 408, 429) or answer.status >= 500
    return PartnerError(
        FailureReason.SERVER_ERROR if passes else FailureReason.CLIENT_ERROR,
        FailureClass.RETRYABLE if passes else FailureClass.TERMINAL,
        status=answer.status,
        detail="the partner's storage did not take the file",
    )
