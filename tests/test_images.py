"""Images become what a partner takes: upright, plain, small enough, and without what they tell of whoever made them."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from bridge.core.errors import FailureReason, MediaError
from bridge.images import convert

HEIC = Path(__file__).parent / "samples" / "left-blue.heic"
"""64 by 48 pixels, the left half blue, the right half red; made with libheif."""
JPEG = {"image/jpeg": 5_000_000, "image/png": 5_000_000}
RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (64, 48), RED)
    image.paste(BLUE, (0, 0, 32, 48))
    return image.convert(mode)


def written(image: Image.Image, form: str, **options: Any) -> io.BytesIO:
    made = io.BytesIO()
    image.save(made, form, **options)
    made.seek(0)
    return made


def converted(source: io.BytesIO, most: dict[str, int] | None = None, max_pixels: int = 1_000_000) -> Image.Image:
    made = convert(source, most or JPEG, max_pixels=max_pixels)
    image = Image.open(made.stream)
    image.load()
    assert made.content_type == Image.MIME[image.format or ""]
    made.stream.close()
    return image


def is_near(pixel: Any, colour: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


def sources() -> list[Any]:
    made = {form: written(halves(), form) for form in ("WEBP", "AVIF", "TIFF", "BMP", "JPEG", "PNG", "GIF")}
    made["HEIC"] = io.BytesIO(HEIC.read_bytes())
    made["CMYK"] = written(halves("CMYK"), "JPEG")
    made["palette"] = written(halves().quantize(8), "PNG")
    return [pytest.param(source.getvalue(), id=name) for name, source in made.items()]


@pytest.mark.parametrize("source", sources())
def test_every_format_becomes_jpeg(source):
    image = converted(io.BytesIO(source))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 48))
    assert is_near(image.getpixel((8, 20)), BLUE)
    assert is_near(image.getpixel((56, 20)), RED)


def test_where_no_jpeg_is_taken_it_becomes_png():
    assert converted(written(halves(), "WEBP"), {"image/png": 100_000}).format == "PNG"


def test_where_no_image_is_taken_it_is_refused():
    with pytest.raises(MediaError, match="takes no images"):
        convert(written(halves(), "WEBP"), {"video/mp4": 1}, max_pixels=10_000)


def test_transparency_stands_on_white():
    clear = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    assert is_near(converted(written(clear, "WEBP", lossless=True)).getpixel((5, 5)), (255, 255, 255))


def test_an_animation_becomes_its_first_picture():
    first, second = Image.new("RGB", (64, 48), BLUE), Image.new("RGB", (64, 48), RED)
    for form in ("GIF", "WEBP"):
        moving = written(first, form, save_all=True, append_images=[second])
        assert is_near(converted(moving).getpixel((5, 5)), BLUE)


def test_a_photo_that_lies_on_its_side_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees, says the camera.
    image = converted(written(halves(), "WEBP", exif=exif))
    assert image.size == (48, 64)
    assert is_near(image.getpixel((20, 5)), BLUE)


def test_where_and_by_whom_it_was_made_is_dropped():
    exif = Image.Exif()
    exif[0x010F] = "Camera of Jane"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    source = written(halves(), "TIFF", exif=exif).getvalue()
    made = convert(io.BytesIO(source), JPEG, max_pixels=10_000)
    content = made.stream.read()
    made.stream.close()
    assert b"Jane" in source
    assert b"Jane" not in content
    assert not Image.open(io.BytesIO(content)).getexif()


def test_colours_of_a_profile_are_carried_over_to_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = converted(written(halves(), "WEBP", icc_profile=profile))
    assert is_near(image.getpixel((8, 20)), BLUE)
    assert "icc_profile" not in image.info


def test_a_profile_that_is_none_is_passed_over():
    image = converted(written(halves(), "WEBP", icc_profile=b"nonsense"))
    assert is_near(image.getpixel((8, 20)), BLUE)


def test_an_image_is_made_coarser_then_smaller_until_it_fits():
    noise = Image.effect_noise((800, 600), 100)
    for most in (150_000, 60_000):
        made = convert(written(noise, "PNG"), {"image/jpeg": most}, max_pixels=1_000_000)
        assert made.size <= most
        width, height = Image.open(made.stream).size
        assert width / height == pytest.approx(4 / 3, rel=0.01)
        made.stream.close()


def test_an_image_that_would_have_to_be_tiny_is_too_large():
    with pytest.raises(MediaError) as caught:
        convert(written(Image.effect_noise((800, 600), 100), "PNG"), {"image/jpeg": 2_000}, max_pixels=1_000_000)
    assert caught.value.reason is FailureReason.MEDIA_TOO_LARGE


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says that it is as large as this."""
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ):
        made += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return made


@pytest.mark.parametrize("size", [(1_100, 1_000), (1_500, 1_000), (60_000, 60_000)])
def test_an_image_with_too_many_pixels_is_refused_undecoded(size):
    with pytest.raises(MediaError) as caught:
        convert(io.BytesIO(claiming(*size)), JPEG, max_pixels=1_000_000)
    assert (caught.value.reason, caught.value.final) == (FailureReason.MEDIA_INVALID, True)
    assert "1000000 pixels" in caught.value.detail


@pytest.mark.parametrize(("size", "becomes"), [((200, 100), (200, 100)), ((282, 141), (141, 71))])
def test_a_jpeg_of_up_to_twice_as_many_pixels_is_decoded_at_half_its_size(size, becomes):
    assert converted(written(halves().resize(size), "JPEG"), max_pixels=20_000).size == becomes


@pytest.mark.parametrize(("form", "size"), [("JPEG", (300, 150)), ("WEBP", (190, 100)), ("PNG", (201, 100))])
def test_each_format_has_the_pixels_that_its_decoder_has_memory_for(form, size):
    with pytest.raises(MediaError, match="pixels"):
        converted(written(halves().resize(size), form), max_pixels=20_000)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "side"), [("PNG", 5_000), ("WEBP", 4_472), ("AVIF", 5_000)])
def test_a_large_clear_image_with_a_profile_takes_less_than_400_mb(form, side, tmp_path):
    """The largest that the default takes; converted by a process that did nothing before."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = tmp_path / "source"
    clear = Image.new("RGBA", (side, side), (*RED, 128))
    clear.save(source, form, icc_profile=profile, **{"method": 0} if form == "WEBP" else {})
    code = (
        "import sys\n"
        "from bridge.core.rules import MediaRules\n"
        "from bridge.images import convert\n"
        "convert(open(sys.argv[1], 'rb'), {'image/jpeg': 5_000_000}, max_pixels=MediaRules().max_pixels)\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    ran = subprocess.run([sys.executable, "-c", code, source], check=True, capture_output=True)
    assert int(ran.stdout) < 400_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>no image</html>",
        written(halves(), "WEBP").getvalue()[:50],
        written(halves(), "AVIF").getvalue()[:-90],
        written(halves(), "PNG").getvalue()[:90],
        HEIC.read_bytes()[:-60],
        HEIC.read_bytes()[:40],
        claiming(10, 10),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
)
def test_what_is_no_whole_image_is_refused(content):
    with pytest.raises(MediaError) as caught:
        convert(io.BytesIO(content), JPEG, max_pixels=1_000_000)
    assert caught.value.reason is FailureReason.MEDIA_INVALID


def test_pillow_is_loaded_by_the_first_conversion_only():
    code = "import sys, bridge.app, bridge.images; sys.exit('PIL' in sys.modules or 'pi_heif' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
