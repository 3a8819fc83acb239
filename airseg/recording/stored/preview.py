"""A film of a flight: each frame beside its labels, with a legend, the time and the speed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from airseg.errors import RecordingError
from airseg.recording.stored.shown_flight import ShownFlight

_WORKERS = 3
_AHEAD = 8
_OPAQUE = 0.6
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (235, 235, 235)
_INK_LUMA = 218  # the same grey in the range of a film's luma
_PAPER = (28, 28, 32)
_PANE_WIDTH = 640
_LINE_HEIGHT = 26
_CLOCK_WIDTH = 250
_NOMINAL_HZ = 25


class PreviewArtist:
    """Draws the film's pictures, as the planes of luma and chroma that a film is made of.

    Only the frame's own colour is converted; labels become luma and chroma by a table, and the
    legend is converted once. Converting whole RGB pages took longer than encoding them.

    Args:
        flight: whose frames are drawn.

    Attributes:
        width, height: of the pictures, even numbers.
    """

    def __init__(self, flight: ShownFlight) -> None:
        self._flight = flight
        # Small frames are enlarged by whole numbers, so that pixels stay what they are.
        self._scale = max(1, _PANE_WIDTH // flight.width)
        self._pane = flight.width * self._scale // 2 * 2
        self._image_height = flight.height * self._scale // 2 * 2
        self.width = self._pane * 2
        legend = _draw_legend(flight.class_names, flight.palette, self.width)
        self.height = self._image_height + len(legend) // 2 * 2
        page = np.full((self.height, self.width, 3), _PAPER, np.uint8)
        page[self._image_height :] = legend[: len(legend) // 2 * 2]
        self._page = cv2.cvtColor(page, cv2.COLOR_RGB2YUV_I420)
        # A patch of 2x2 pixels has one chroma, which is how the film will show the colour.
        patches = np.broadcast_to(flight.palette[None, :, None], (2, 256, 2, 3))
        planes = cv2.cvtColor(patches.reshape(2, 512, 3), cv2.COLOR_RGB2YUV_I420)
        luma, blue, red = _planes(planes)
        self._tables = (luma[0, ::2].copy(), blue[0].copy(), red[0].copy())

    def draw(self, index: int) -> np.ndarray:
        """Return a frame's picture: (height * 3 / 2, width) uint8, the planes of I420."""
        rgb = self._enlarged(self._flight.read_rgb(index))
        labels = self._enlarged(self._flight.read_labels(index))
        picture = self._page.copy()
        frame = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
        planes = zip(_planes(picture), _planes(frame), self._tables, strict=True)
        for number, (page, plane, table) in enumerate(planes):
            height, width = plane.shape
            page[:height, :width] = plane
            painted = cv2.LUT(labels if number == 0 else labels[::2, ::2], table)
            page[:height, width:] = cv2.addWeighted(painted, _OPAQUE, plane, 1 - _OPAQUE, 0.0)
        text = f"{self._flight.seconds[index]:6.2f} s"
        if np.isfinite(self._flight.speeds_mps[index]):
            text += f"   {self._flight.speeds_mps[index]:5.1f} m/s"
        at = (self.width - _CLOCK_WIDTH + 12, self._image_height + 19)
        luma = picture[: self.height]
        cv2.putText(luma, text, at, _FONT, 0.52, _INK_LUMA, 1, cv2.LINE_AA)
        return picture

    def _enlarged(self, image: np.ndarray) -> np.ndarray:
        if self._scale > 1:
            image = image.repeat(self._scale, 0).repeat(self._scale, 1)
        return np.ascontiguousarray(image[: self._image_height, : self._pane])


def _planes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return views of luma (H, W) and the two chromas (H/2, W/2) of an I420 picture."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], chroma[0], chroma[1]


def _draw_legend(names: tuple[str, ...], colors: np.ndarray, width: int) -> np.ndarray:
    """Return (H, width, 3) uint8: a patch and a name for each label, and room for the clock."""
    places, x, line = [], 10, 0
    for name in names:
        size = 24 + cv2.getTextSize(name, _FONT, 0.45, 1)[0][0] + 14
        room = width - (_CLOCK_WIDTH if line == 0 else 0)
        if x + size > room and x > 10:
            x, line = 10, line + 1
        places.append((x, line))
        x += size
    strip = np.full((_LINE_HEIGHT * (line + 1) + 4, width, 3), _PAPER, np.uint8)
    for label, (name, (x, line)) in enumerate(zip(names, places, strict=True)):
        top = line * _LINE_HEIGHT + 7
        color = tuple(int(c) for c in colors[label])
        cv2.rectangle(strip, (x, top), (x + 16, top + 13), color, -1)
        cv2.putText(strip, name, (x + 22, top + 12), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    return strip


def frame_rate(flight: ShownFlight) -> Fraction:
    """Return pictures a second at which a film of a flight runs as fast as the flight did."""
    return Fraction(flight.rate_hz or _NOMINAL_HZ).limit_denominator(1000)


def write_preview(
    artist: PreviewArtist,
    indices: range,
    rate: Fraction,
    path: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Write an H.264 film that browsers play.

    Args:
        artist: draws the pictures, in several threads.
        indices: of the frames.
        rate: pictures a second.
        path: the MP4; it appears when it is whole.
        progress: told how many pictures are done, of how many.

    Raises:
        RecordingError: a frame is damaged, or the film cannot be written.
    """
    beside = path.with_name(path.name + ".part")
    try:
        with av.open(str(beside), "w", format="mp4", options={"movflags": "+faststart"}) as film:
            stream = film.add_stream("libx264", rate=rate)
            stream.width, stream.height = artist.width, artist.height
            stream.pix_fmt = "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": "23"}
            for done, planes in enumerate(_drawn(artist, indices), 1):
                picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                film.mux(stream.encode(picture))
                progress(done, len(indices))
            film.mux(stream.encode())
        beside.replace(path)
    except (av.FFmpegError, OSError) as cause:
        raise RecordingError(f"{path}: cannot write the film ({cause}).") from None
    finally:
        beside.unlink(missing_ok=True)


def _drawn(artist: PreviewArtist, indices: range) -> Iterator[np.ndarray]:
    """Yield pictures as planes of luma and chroma, in order, drawn a few ahead."""

    ahead: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for index in indices:
                ahead.append(pool.submit(artist.draw, index))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
