"""MP4 of frames in memory, near lossless: colours and thin stripes survive."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np

_QUALITY = {
    "libx264": {
        "crf": "6",
        "preset": "veryfast",
        # x264's lookahead now and then decides otherwise about equal frames.
        "x264-params": "threads=1:mbtree=0:rc-lookahead=0",
    },
    "mpeg4": {"qscale": "2"},
}


def mp4(frames: np.ndarray, fps: float) -> bytes:
    """uint8 [T, H, W, 3] (even H and W) as MP4: H.264 where PyAV can write it, else MPEG-4.

    One thread, so that equal frames give equal bytes.
    """
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    rate = Fraction(fps).limit_denominator(1001)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=rate, options=_QUALITY[codec])
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
