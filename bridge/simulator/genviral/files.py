"""The vendor's files: POST /files says where the bytes go, a PUT brings them there, and a post may then name them.

Source: https://docs.genviral.io/api-reference/create-file, captured by 2026-11. That the storage is a bucket that
refuses a bearer, another type or size, and anything late, is a guess: buckets behind signed addresses do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.simulator.genviral.model import Json, Refusal

STORAGE = "/storage"
EXPIRES = timedelta(seconds=600)
MOST_BYTES = 500_000_000
TYPES = {
    "image/jpeg": (".jpg", 0, b"\xff\xd8\xff"),
    "image/png": (".png", 0, b"\x89PNG"),
    "image/gif": (".gif", 0, b"GIF8"),
    "image/webp": (".webp", 8, b"WEBP"),
    "image/heic": (".heic", 4, b"ftyp"),
    "image/heif": (".heif", 4, b"ftyp"),
    "video/mp4": (".mp4", 4, b"ftyp"),
    "video/quicktime": (".mov", 4, b"ftyp"),
    "video/x-m4v": (".m4v", 4, b"ftyp"),
    "video/x-msvideo": (".avi", 8, b"AVI "),
    "video/webm": (".webm", 0, b"\x1a\x45\xdf\xa3"),
}
"""Content type -> its ending, and where which bytes stand in every such file."""


@dataclass(slots=True)
class StoredFile:
    """A file that was announced; `content` is None until its bytes have come."""

    id: str
    signature: str
    content_type: str
    url: str
    expires_at: datetime
    size: int | None = None
    content: bytes | None = None


def announce(body: Json, origin: str, *, file_id: str, signature: str, now: datetime) -> StoredFile:
    """Judge the body of POST /files, and make the file that it announces.

    Raises:
        Refusal: 422 for a type that is not taken or a size that is none.
    """
    kind, size = body.get("contentType"), body.get("size", body.get("bytes"))
    if kind not in TYPES:
        raise _invalid("contentType", "Unsupported content type")
    if size is not None and (not isinstance(size, int) or not 0 < size <= MOST_BYTES):
        raise _invalid("size", "Expected a size in bytes")
    url = f"{origin}{STORAGE}/{file_id}{TYPES[kind][0]}"
    return StoredFile(file_id, signature, kind, url, now + EXPIRES, size)


def _invalid(path: str, message: str) -> Refusal:
    issue = {"path": path, "message": message}
    return Refusal(422, "invalid_payload", "Request body failed validation", issues=[issue])


def place(file: StoredFile, origin: str) -> Json:
    """Write the answer's data."""
    upload = f"{origin}{STORAGE}/upload/{file.id}?X-Amz-Signature={file.signature}"
    seconds = int(EXPIRES.total_seconds())
    return {"uploadUrl": upload, "url": file.url, "contentType": file.content_type, "expiresIn": seconds}


def refusal(file: StoredFile, content: bytes, *, content_type: str | None, now: datetime) -> str:
    """Say why bytes are refused; empty when they are not."""
    if now > file.expires_at:
        return "AccessDenied"
    if content_type != file.content_type or len(content) != (file.size or len(content)):
        return "SignatureDoesNotMatch"
    _, start, mark = TYPES[file.content_type]
    return "" if content[start : start + len(mark)] == mark else "BadContent"
