"""Turns an image that a partner does not take into one that it does: the only file that knows Pillow.

Pillow and its HEIF decoder are loaded by the first conversion: most services never need one. What is written has no
metadata: no place, no camera, no thumbnail of what was cut away.
"""

import io
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from bridge.core.errors import FailureReason, MediaError

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "HEIF")
"""What is decoded at all: each further format is one more parser of strangers' bytes."""

_QUALITIES = (90, 80, 70)
_JPEG = 2
"""How many times `max_pixels` a JPEG may have: it is decoded at half its width and height then."""
_SHRINK, _SMALLEST = 0.75, 320
"""How much smaller the next try is, and the longest side below which there is none."""


@dataclass(frozen=True, slots=True)
class Converted:
    """An image in a form that the partner takes; `stream` stands at its beginning and is the caller's to close."""

    stream: BinaryIO
    size: int
    content_type: str


def convert(source: BinaryIO, most: Mapping[str, int], *, max_pixels: int) -> Converted:
    """Write an image as JPEG (PNG where no JPEG is taken), upright, on white, its first picture if it has several.

    Takes up to a second for each ten million pixels, and up to 16 bytes a pixel beside some 50 MB: run it in a thread,
    one at a time. Measured with 25 million: PNG 215 MB, AVIF 250 MB, JPEG of 49 million 350 MB, WebP of 20 370 MB.

    Args:
        source: the file, at its beginning; it is closed.
        most: what is taken: content type -> bytes at most. A JPEG is made coarser, then smaller, until it fits.
        max_pixels: an image with more is refused before any of it is decoded, a WebP with more than four fifths of it.
            A JPEG of up to twice as many is decoded at half its width and height.

    Raises:
        MediaError: `media_invalid` (no image, broken, more pixels than that), `media_too_large`.
    """
    from PIL import Image, UnidentifiedImageError

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    _prepare(max_pixels)
    try:
        with Image.open(source, formats=_FORMATS) as opened:
            _bound(opened, max_pixels)
            picture = _flat(opened)
    except bombs:
        raise _too_many(max_pixels) from None
    except UnidentifiedImageError:
        raise MediaError(FailureReason.MEDIA_INVALID, "the file is no image that can be read") from None
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error) as error:
        # Decoders tell of broken files in all these ways; their words may quote the file, so only the kind is kept.
        raise MediaError(FailureReason.MEDIA_INVALID, f"the image is broken ({type(error).__name__})") from None
    return _fitted(picture, most)


def _prepare(max_pixels: int) -> None:
    """Teach Pillow HEIF (AVIF it knows), and let it refuse by itself what claims far too many pixels."""
    from pi_heif import register_heif_opener
    from PIL import Image

    register_heif_opener()
    Image.MAX_IMAGE_PIXELS = _JPEG * max_pixels


def _bound(image: "Image.Image", max_pixels: int) -> None:
    """Refuse an image with too many pixels for the memory that it takes while it is decoded.

    A JPEG can be decoded at half its size, so it may have more; a WebP's decoder keeps four copies, so it has fewer.

    Raises:
        MediaError: `media_invalid`.
    """
    pixels = image.width * image.height
    if image.format == "JPEG" and max_pixels < pixels <= _JPEG * max_pixels:
        image.draft(None, (image.width // 2, image.height // 2))
    most = max_pixels * 4 // 5 if image.format == "WEBP" else max_pixels
    if image.width * image.height > most:
        raise _too_many(most)


def _too_many(max_pixels: int) -> MediaError:
    return MediaError(FailureReason.MEDIA_INVALID, f"the image has more than {max_pixels} pixels")


def _flat(image: "Image.Image") -> "Image.Image":
    """Return the first picture as plain RGB: turned as its orientation says, in sRGB, transparency on white.

    The image that was opened is emptied on the way: of a large one each copy takes a hundred megabytes.
    """
    from PIL import ImageOps

    profile = image.info.get("icc_profile")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        return _in_srgb(_on_white(_moved(image, "RGBA")), profile)
    return _in_srgb(_moved(image, image.mode if image.mode in _WITH_PROFILE else "RGB"), profile)


def _moved(image: "Image.Image", mode: str) -> "Image.Image":
    """Return an image in another mode, and let go of what it was, its decoder included."""
    moved = image._new(image.im) if image.mode == mode else image.convert(mode)
    image.close()
    return moved


def _on_white(image: "Image.Image") -> "Image.Image":
    """Return an RGBA image as RGB, on white: painted over itself, for a second layer would take as much again."""
    from PIL import ImageChops

    image.paste("white", mask=ImageChops.invert(image.getchannel("A")))
    return _moved(image, "RGB")


_WITH_PROFILE = ("RGB", "CMYK", "L")


def _in_srgb(image: "Image.Image", profile: bytes | None) -> "Image.Image":
    """Return an image with its colours in sRGB, for the profile that says what they are does not go along."""
    from PIL import ImageCms

    if profile:
        try:
            source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            if image.mode != "RGB":
                turned = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
                return turned if turned is not None else image.convert("RGB")
            ImageCms.profileToProfile(image, source, srgb, inPlace=True)
        except (ImageCms.PyCMSError, OSError):
            pass
    return image if image.mode == "RGB" else _moved(image, "RGB")


def _fitted(picture: "Image.Image", most: Mapping[str, int]) -> Converted:
    """Write the picture so that it keeps the partner's limit."""
    from PIL import Image

    kind = "image/jpeg" if "image/jpeg" in most else "image/png"
    if kind not in most:
        raise MediaError(FailureReason.MEDIA_INVALID, "the partner takes no images")
    while True:
        for quality in _QUALITIES if kind == "image/jpeg" else (0,):
            made = _written(picture, kind, quality)
            if made.size <= most[kind]:
                return made
            made.stream.close()
        width, height = round(picture.width * _SHRINK), round(picture.height * _SHRINK)
        if max(width, height) < _SMALLEST:
            raise MediaError(FailureReason.MEDIA_TOO_LARGE, f"the image does not fit into {most[kind]} bytes")
        picture = picture.resize((max(width, 1), max(height, 1)), Image.Resampling.LANCZOS)


def _written(picture: "Image.Image", kind: str, quality: int) -> Converted:
    stream = tempfile.SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115  # The caller closes it.
    if kind == "image/jpeg":
        picture.save(stream, "JPEG", quality=quality, optimize=True)
    else:
        picture.save(stream, "PNG", optimize=True)
    size = stream.tell()
    stream.seek(0)
    return Converted(stream, size, kind)  # type: ignore[arg-type]  # A spooled file reads as any binary file does.
