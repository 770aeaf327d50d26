"""Which files are videos: the kinds that are opened, and the endings that such files have."""

from __future__ import annotations

import os

# Containers of video, and nothing that opens a second file (playlists, concat scripts, image patterns) or draws text.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,flv,ogg,gif,apng,h264,hevc,vvc,av1,obu,ivf,"
    "m4v,h263,vc1,mjpeg,yuv4mpegpipe,dv,mxf,nut,rm,wtv"
)
SOUNDS = f"{FORMATS},wav,mp3,aac,flac"

_ENDINGS = {  # one of the formats: the endings that its files have
    "mov": ".mp4 .m4v .mp4v .mov .qt .3gp .3gpp .3g2 .3gp2 .f4v .ismv .mqv",
    "matroska": ".mkv .mk3d .webm",
    "avi": ".avi .divx .xvid",
    "mpeg": ".mpg .mpeg .mpe .m2p .vob .vro .mod",  # .mod and .tod: camcorders
    "mpegvideo": ".m1v .m2v .mpv",
    "mpegts": ".ts .mts .m2ts .m2t .trp .tod",
    "asf": ".wmv .asf",
    "flv": ".flv",
    "ogg": ".ogv .ogm",
    "mxf": ".mxf",
    "rm": ".rm .rmvb",
    "dv": ".dv .dif",
    "mjpeg": ".mjpeg .mjpg",
    "h264": ".h264 .264 .avc",
    "hevc": ".h265 .265 .hevc",
    "obu": ".obu",
    "ivf": ".ivf",
    "yuv4mpegpipe": ".y4m",
    "nut": ".nut",
    "wtv": ".wtv",
    "gif": ".gif",
}
FORMAT_OF = {ending: name for name, endings in _ENDINGS.items() for ending in endings.split()}
"""What a file of each ending is, in FFmpeg's words; what it holds decides, whatever its name."""

VIDEO_SUFFIXES = frozenset(FORMAT_OF)
"""File endings looked for in folders; a file named outright may have any ending."""

VIDEO_ENDINGS = VIDEO_SUFFIXES - {".gif"}
"""Those of data sets, in which a GIF is a picture of something else."""


def is_video(path: str) -> bool:
    """Whether a name ends as videos do."""
    return os.path.splitext(path)[1].lower() in VIDEO_ENDINGS
