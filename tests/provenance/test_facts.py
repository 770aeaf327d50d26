"""What a file says of itself is told as it says it, and nothing more is claimed."""

from __future__ import annotations

import hashlib
import struct

import av
import numpy as np
import pytest
from makers.report_factory import make_video
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spotterlib.base import VideoError
from spotterlib.provenance import boxes, facts, file_facts

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description Iptc4xmpExt:DigitalSourceType='
    '"http://cv.iptc.org/newscodes/digitalsourcetype/{}"/></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("facts") / "clip.mp4")


def test_the_facts_of_a_video(video):
    found = file_facts(video)
    content = video.read_bytes()
    assert (found.name, found.size, found.sha256) == ("clip.mp4", len(content), hashlib.sha256(content).hexdigest())
    picture, sound = found.streams
    assert "mp4" in found.container and found.bit_rate > 0
    assert (picture.kind, picture.codec, picture.rate, picture.rotation) == ("video", "h264", 25.0, 0)
    assert (sound.kind, sound.codec, sound.rate) == ("audio", "aac", 16_000.0)
    assert found.encoder.startswith("Lavf") and found.created == "" and found.source_types == ()


def test_edit_lists_are_those_of_the_file(video):
    (picture, sound) = file_facts(video).edit_lists
    assert (picture.track, sound.track) == (1, 2)
    ((length, start, rate),) = picture.entries
    assert length == pytest.approx(49 / 25, abs=0.01) and start > 0 and rate == 1


def test_a_damaged_or_endless_index_claims_nothing(tmp_path):
    def box(kind, content, size=None):
        return struct.pack(">I4s", 8 + len(content) if size is None else size, kind) + content

    edits = box(b"elst", struct.pack(">B3xI", 0, 2**32 - 1) + struct.pack(">Iii", 1000, -1, 65536))
    track = box(b"trak", box(b"edts", edits))
    film = box(b"mvhd", struct.pack(">IIII", 0, 0, 0, 1000) + bytes(80))
    (tmp_path / "many.mp4").write_bytes(box(b"ftyp", b"isom") + box(b"moov", film + track))
    assert boxes.edit_lists(tmp_path / "many.mp4") == (boxes.EditList(1, ((1.0, -1.0, 1.0),)),)
    for wrong in (
        box(b"moov", b"", 3),
        box(b"moov", box(b"trak", b"", 1)),
        box(b"moov", box(b"trak", box(b"edts", b""))),
    ):
        (tmp_path / "wrong.mp4").write_bytes(box(b"ftyp", b"isom") + wrong)
        assert boxes.edit_lists(tmp_path / "wrong.mp4") == ()


def test_creation_time_and_encoder_are_told_as_claimed(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        out.metadata.update({"creation_time": "2021-03-04T05:06:07Z"})
        stream = out.add_stream("h264", rate=10)
        stream.width = stream.height = 32
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode())
    assert file_facts(tmp_path / "a.mp4").created.startswith("2021-03-04T05:06:07")


def test_the_source_type_of_xmp_is_told(video, tmp_path, monkeypatch):
    packet = XMP.format("trainedAlgorithmicMedia").encode()
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    marked = tmp_path / "marked.mp4"
    marked.write_bytes(video.read_bytes() + struct.pack(">I4s", 8 + len(packet), b"free") + packet)
    assert file_facts(marked).source_types == (address,)
    monkeypatch.setattr(facts, "_PIECE", 97)  # a packet that lies across many pieces
    assert file_facts(marked).source_types == (address,)
    element = b"<x:xmpmeta><Iptc4xmpExt:DigitalSourceType>digitalCapture</Iptc4xmpExt:DigitalSourceType></x:xmpmeta>"
    assert facts._source_types([element, element]) == ("digitalCapture",)
    resource = b'<x:xmpmeta><a:DigitalSourceType rdf:resource="urn:x"/></x:xmpmeta>'
    assert facts._source_types([resource]) == ("urn:x",)


def test_the_source_type_of_a_picture_is_told_where_its_xmp_is_compressed_or_bare(tmp_path):
    packet = XMP.format("trainedAlgorithmicMedia")
    bare = packet.partition(">")[2].rpartition("<")[0]  # XMP may come without its outermost element
    kept = PngInfo()
    kept.add_itxt("XML:com.adobe.xmp", packet, zip=True)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png", pnginfo=kept)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", xmp=bare.encode())
    for name in ("a.png", "a.jpg"):
        (told,) = file_facts(tmp_path / name, picture=True).source_types
        assert told.endswith("/trainedAlgorithmicMedia"), name


def test_a_thousand_beginnings_lead_nowhere(tmp_path):
    (tmp_path / "x").write_bytes(b"<rdf:RDF" * 300_000 + b"</rdf:RDF>")
    size, _, packets = facts._read_whole(tmp_path / "x")
    assert size == 2_400_010 and packets == [b"<rdf:RDF"]


def test_the_facts_of_a_picture(tmp_path):
    exif = Image.Exif()
    exif[274], exif[305], exif[306] = 6, "A camera\0 \nof a test", "2020:01:02 03:04:05"
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    found = file_facts(tmp_path / "a.jpg", picture=True)
    assert (found.container, found.encoder, found.created) == ("JPEG", "A camera of a test", "2020:01:02 03:04:05")
    assert found.streams[0].rotation == 270 and found.edit_lists == ()


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError):
        file_facts(tmp_path / "text.mp4")
