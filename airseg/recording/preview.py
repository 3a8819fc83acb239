"""A film of a recording: each frame beside its labels, with a legend, the time and the speed."""

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
from airseg.recording.storage import Recording

_WORKERS = 3
_AHEAD = 8
_OPAQUE = 0.6
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (235, 235, 235)
_PAPER = (28, 28, 32)
_PANE_WIDTH = 640
_LINE_HEIGHT = 26
_CLOCK_WIDTH = 250


class PreviewArtist:
    """Draws the film's pictures.

    Args:
        recording: whose frames are drawn.
        table: (256,) uint8, the label of each raw id.
        names: of the labels, in their order.
        colors: (256, 3) uint8 RGB by label.

    Attributes:
        width, height: of the pictures, even numbers.
    """

    def __init__(
        self, recording: Recording, table: np.ndarray, names: tuple[str, ...], colors: np.ndarray
    ) -> None:
        self._recording = recording
        self._lookup = np.ascontiguousarray(colors[table]).reshape(1, 256, 3)
        camera = recording.info.camera
        # Small frames are enlarged by whole numbers, so that pixels stay what they are.
        self._scale = max(1, _PANE_WIDTH // int(camera["width"]))
        self._pane = int(camera["width"]) * self._scale
        self._image_height = int(camera["height"]) * self._scale
        self.width = self._pane * 2
        self._legend = _draw_legend(names, colors, self.width)
        self.height = self._image_height + len(self._legend)
        self.height += self.height % 2
        velocity = recording.frames[["vel_x", "vel_y", "vel_z"]].to_numpy()
        self._speed_mps = np.linalg.norm(velocity, axis=1)
        self._seconds = recording.frames["plan_time_ns"].to_numpy() / 1e9

    def draw(self, index: int) -> np.ndarray:
        """Return a frame's picture: (height, width, 3) uint8 RGB."""
        rgb = self._recording.read_rgb(index)
        ids = self._recording.read_ids(index)
        overlay = cv2.LUT(cv2.merge([ids, ids, ids]), self._lookup)
        overlay = cv2.addWeighted(overlay, _OPAQUE, rgb, 1 - _OPAQUE, 0.0)
        page = np.full((self.height, self.width, 3), _PAPER, np.uint8)
        page[: self._image_height, : self._pane] = self._enlarged(rgb)
        page[: self._image_height, self._pane :] = self._enlarged(overlay)
        page[self._image_height : self._image_height + len(self._legend)] = self._legend
        text = f"{self._seconds[index]:6.2f} s   {self._speed_mps[index]:5.1f} m/s"
        at = (self.width - _CLOCK_WIDTH + 12, self._image_height + 19)
        cv2.putText(page, text, at, _FONT, 0.52, _INK, 1, cv2.LINE_AA)
        return page

    def _enlarged(self, image: np.ndarray) -> np.ndarray:
        if self._scale == 1:
            return image
        return image.repeat(self._scale, 0).repeat(self._scale, 1)


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

    def draw(index: int) -> np.ndarray:
        return cv2.cvtColor(artist.draw(index), cv2.COLOR_RGB2YUV_I420)

    ahead: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for index in indices:
                ahead.append(pool.submit(draw, index))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
