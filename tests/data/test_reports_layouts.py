"""Data sets and tables that people of other tools reported: stray folders, Excel, FakeAVCeleb, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotterlib.base import CheckpointError, DataError, VideoError, WriteError, find_input, output_path
from spotterlib.data import Manifest, build_manifest
from spotterlib.model import load_checkpoint
from spotterlib.scan import scan_folder, scan_video
from spotterlib.splits import audit_split, split_by_group
from spotterlib.video import probe_video


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def problems(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.report.itertuples(index=False))


def labels(manifest: Manifest) -> dict[str, int]:
    return dict(zip(manifest.table["path"], manifest.table["label"], strict=True))


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stray", ["youtube-real/clip.mp4", "youtube-real/00170.mp4", "Celeb-real/id0_0000.mp4"])
def test_a_stray_folder_does_not_decide_the_layout(tmp_path, stray):
    make(tmp_path, *(f"REAL/r{k}.mp4" for k in range(4)), *(f"FAKE/f{k}.mp4" for k in range(4)), stray)
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "plain"
    assert len(manifest.table) == 9 and manifest.table["label"].sum() == 4
    assert any("Read as plain folders, 9 of 9 videos" in note and "Celeb-DF v2" in note for note in manifest.notes)


def test_a_known_data_set_keeps_its_reader_beside_a_few_other_videos(tmp_path):
    reals = [f"Celeb-real/id{k}_0000.mp4" for k in range(20)]
    fakes = [f"Celeb-synthesis/id{k}_id{k + 1}_0000.mp4" for k in range(19)]
    make(tmp_path, *reals, *fakes, "real/mine.mp4")
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "celebdf" and len(manifest.table) == 39
    assert "in no folder of Celeb-DF" in problems(manifest)["real/mine.mp4"]
    assert any("as plain folders 40 (layout plain)" in note for note in manifest.notes)


def test_a_whole_known_data_set_has_nothing_to_say_about_layouts(tmp_path):
    make(tmp_path, "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "celebdf" and not [n for n in manifest.notes if "Read as" in n]


def test_a_few_files_of_another_data_set_are_left_out_and_said(tmp_path):
    make(tmp_path, *(f"original_sequences/youtube/c23/videos/{k:03d}.mp4" for k in range(30)))
    make(tmp_path, *(f"manipulated_sequences/Deepfakes/c23/videos/{k:03d}_{k + 1:03d}.mp4" for k in range(30)))
    make(tmp_path, "Celeb-real/id0_0000.mp4")
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "ffpp" and len(manifest.table) == 60
    assert any("as Celeb-DF v2 1 (layout celebdf)" in note for note in manifest.notes)


def test_two_data_sets_are_still_refused(tmp_path):
    make(tmp_path, *(f"original_sequences/youtube/c23/videos/{k:03d}.mp4" for k in range(5)))
    make(tmp_path, *(f"manipulated_sequences/Deepfakes/c23/videos/{k:03d}_00{k + 1}.mp4" for k in range(5)))
    make(tmp_path, *(f"Celeb-real/id{k}_0000.mp4" for k in range(5)))
    with pytest.raises(DataError, match=r"more than one data set.*Make a manifest of each"):
        build_manifest(tmp_path)


# --- tables ----------------------------------------------------------------------------------------------------------

TREES = {
    "plain": ["REAL/r0.mp4", "REAL/r1.mp4", "FAKE/f0.mp4"],
    "ffpp": [
        "original_sequences/youtube/c23/videos/033.mp4",
        "original_sequences/youtube/c23/videos/097.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4",
        "beside.mp4",
    ],
    "celebdf": ["Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"],
    "fakeavceleb": [
        "RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "FakeVideo-RealAudio/African/men/id00076/00109_id00476_faceswap.mp4",
    ],
}
STRAY = ["name;label\nanna;real\n", "", "\n\n", "a,b\n1,2,3,4\n", "id\tage\n7\t40\n"]


@pytest.mark.parametrize("layout", TREES)
@pytest.mark.parametrize("text", STRAY)
def test_a_table_of_something_else_does_not_stop_the_listing(tmp_path, layout, text):
    make(tmp_path, *TREES[layout])
    before = build_manifest(tmp_path)
    (tmp_path / "metadata.csv").write_text(text)
    manifest = build_manifest(tmp_path)
    assert manifest.settings == before.settings and manifest.settings["layout"] == layout
    assert labels(manifest) == labels(before)
    said = problems(manifest)
    assert "left aside" in said.pop("metadata.csv") and said == problems(before)


def test_a_table_left_aside_is_told_by_its_columns(tmp_path):
    make(tmp_path, *TREES["plain"])
    (tmp_path / "metadata.csv").write_text("name;label\nanna;real\n")
    said = problems(build_manifest(tmp_path))["metadata.csv"]
    assert said == "left aside, for it lists none of the videos here (its columns: name, label)"


@pytest.mark.parametrize("path", ["REAL/r0.mp4", "REAL\\r0.mp4", "./REAL/r0.mp4", "{root}/REAL/r0.mp4", "r0.mp4", "r0"])
def test_a_table_that_lists_the_videos_under_another_name_is_refused_with_the_remedy(tmp_path, path):
    make(tmp_path, *TREES["plain"])
    (tmp_path / "metadata.csv").write_text(f"name;label\n{path.format(root=tmp_path)};real\n")
    with pytest.raises(DataError, match="needs one column path; it has name, label"):
        build_manifest(tmp_path)


def test_a_table_is_not_left_aside_where_nothing_else_tells_the_labels_or_it_cannot_be_read(tmp_path):
    make(tmp_path / "bare", "a.mp4")
    (tmp_path / "bare/metadata.csv").write_text("name;label\nanna;real\n")
    with pytest.raises(DataError, match="needs one column path"):
        build_manifest(tmp_path / "bare")
    make(tmp_path / "mine", *TREES["plain"])
    (tmp_path / "mine/metadata.csv").write_text("path;ids\nREAL/r0.mp4;Zo\u00eb\n", encoding="cp1252")
    with pytest.raises(DataError, match="Save it as UTF-8"):
        build_manifest(tmp_path / "mine")


def test_a_table_of_paths_that_are_not_here_does_not_choose_the_layout(tmp_path):
    make(tmp_path, *TREES["celebdf"])
    (tmp_path / "metadata.csv").write_text("filename,label\nelsewhere/a.mp4,1\n")
    manifest = build_manifest(tmp_path)
    assert manifest.settings["layout"] == "celebdf" and len(manifest.table) == 2


@pytest.mark.parametrize(
    ("written", "label"),
    [("1,0", 1), ("0,0", 0), ("1.0", 1), ("0.00", 0), ("1.", 1), (" 1 ", 1), ("FAKE", 1), ("0,5", None), ("10", None)],
)
def test_a_label_as_a_spreadsheet_writes_it(tmp_path, written, label):
    make(tmp_path, "clips/a.mp4", "clips/b.mp4")
    (tmp_path / "list.csv").write_text(f"path;label\nclips/a.mp4;{written}\nclips/b.mp4;0\n")
    manifest = build_manifest(tmp_path / "list.csv")
    assert labels(manifest) == {"clips/b.mp4": 0} | ({"clips/a.mp4": label} if label is not None else {})
    if label is None:
        assert problems(manifest) == {"clips/a.mp4": f"its label '{written}' is neither 0/real nor 1/fake"}


def test_such_a_label_is_read_in_every_table(tmp_path):
    make(tmp_path / "plain", "REAL/a.mp4", "REAL/b.mp4", "other/c.mp4", "other/d.mp4")
    lines = "REAL/a.mp4;0,0\nREAL/b.mp4;1,0\nother/c.mp4;1,0\nother/d.mp4;0.0\n"
    (tmp_path / "plain/metadata.csv").write_text("path;label\n" + lines)
    manifest = build_manifest(tmp_path / "plain")
    assert labels(manifest) == {"REAL/a.mp4": 0, "other/c.mp4": 1, "other/d.mp4": 0}
    assert "the other label than its folder" in problems(manifest)["REAL/b.mp4"]
    make(tmp_path / "dfdc/test", "x.mp4", "y.mp4")
    (tmp_path / "dfdc/test/labels.csv").write_text("filename;label\nx.mp4;0,0\ny.mp4;1,0\n")
    assert labels(build_manifest(tmp_path / "dfdc")) == {"test/x.mp4": 0, "test/y.mp4": 1}


def test_a_comma_in_a_number_between_commas_is_one_error_that_names_the_line(tmp_path):
    make(tmp_path, "a.mp4")
    (tmp_path / "list.csv").write_text("path,label\na.mp4,1,0\n")
    with pytest.raises(DataError, match=r"line 2, saw 3.*1,0 does between commas, needs quotes"):
        build_manifest(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text('path,label\na.mp4,"1,0"\n')
    assert labels(build_manifest(tmp_path / "list.csv")) == {"a.mp4": 1}


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
@pytest.mark.parametrize("quoted", ["sep={}", '"sep={}"', "SEP={}"])
def test_the_line_that_excel_writes_first_is_understood(tmp_path, mark, quoted):
    make(tmp_path, "a.mp4", "b.mp4")
    lines = [quoted.format(mark), mark.join(["path", "label"]), mark.join(["a.mp4", "real"]), mark.join(["b.mp4", "1"])]
    (tmp_path / "list.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert labels(build_manifest(tmp_path / "list.csv")) == {"a.mp4": 0, "b.mp4": 1}


def test_excels_line_in_a_metadata_csv_in_an_audit_and_in_dfdcs_table(tmp_path):
    make(tmp_path / "mine", "a.mp4", "b.mp4")
    (tmp_path / "mine/metadata.csv").write_text("sep=;\npath;label;split\na.mp4;real;train\nb.mp4;fake;test\n")
    assert labels(build_manifest(tmp_path / "mine")) == {"a.mp4": 0, "b.mp4": 1}
    assert audit_split(tmp_path / "mine/metadata.csv").verdict
    make(tmp_path / "dfdc/test", "x.mp4", "y.mp4")
    (tmp_path / "dfdc/test/labels.csv").write_text("sep=;\nfilename;label\nx.mp4;0\ny.mp4;1\n")
    manifest = build_manifest(tmp_path / "dfdc")
    assert manifest.settings["layout"] == "dfdc" and labels(manifest) == {"test/x.mp4": 0, "test/y.mp4": 1}


FF_HEAD = ",File Path,Label,Frame Count,Width,Height,Codec,File Size(MB)\n"


@pytest.fixture
def mirror(tmp_path) -> Path:
    """FaceForensics++ as its flat mirror has it, with csv/."""
    make(tmp_path, "original/033.mp4", "original/097.mp4", "Deepfakes/033_097.mp4", "FaceSwap/097_033.mp4")
    (tmp_path / "csv").mkdir()
    rows = [("original/033.mp4", "REAL"), ("original/097.mp4", "REAL"), ("Deepfakes/033_097.mp4", "FAKE"),
            ("FaceSwap/097_033.mp4", "FAKE")]  # fmt: skip
    lines = [f"{k},{path},{label},459,640,480,h264,1.13\n" for k, (path, label) in enumerate(rows)]
    (tmp_path / "csv/FF++_Metadata.csv").write_text(FF_HEAD + "".join(lines))
    (tmp_path / "csv/Deepfakes.csv").write_text(FF_HEAD + lines[2] + "1,Deepfakes/044_945.mp4,FAKE,1,1,1,h264,1\n")
    return tmp_path


def test_the_tables_of_faceforensics_are_known_in_its_folder(mirror):
    manifest = build_manifest(mirror)
    assert manifest.settings["layout"] == "ffpp" and len(manifest.table) == 4
    assert problems(manifest) == {"csv/Deepfakes.csv": "it lists 2 videos, of which 1 are here"}


WRITTEN = {
    "backslashes": lambda text: text.replace("/", "\\"),
    "lower case": lambda text: text.replace(FF_HEAD, FF_HEAD.lower()),
    "blanks": lambda text: text.replace(",", ", "),
    "from here": lambda text: text.replace("original/", "./original/").replace("Deepfakes/", "./Deepfakes/"),
    "Excel's": lambda text: "sep=;\n" + text.replace(",", ";").replace("/", "\\"),
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("beside", [True, False])
def test_the_tables_of_faceforensics_as_others_write_them(mirror, written, beside):
    before = build_manifest(mirror), build_manifest(mirror / "csv/FF++_Metadata.csv")
    for place in (mirror / "csv").iterdir():
        place.write_text(WRITTEN[written](place.read_text()))
        if beside:
            place.rename(mirror / place.name)
    folder = "" if beside else "csv/"
    manifest = build_manifest(mirror)
    assert labels(manifest) == labels(before[0])
    assert problems(manifest) == {f"{folder}Deepfakes.csv": "it lists 2 videos, of which 1 are here"}
    alone = build_manifest(mirror / f"{folder}FF++_Metadata.csv")
    assert alone.table.equals(before[1].table) and alone.report.empty


def test_a_table_of_faceforensics_is_read_where_it_lies(mirror):
    manifest = build_manifest(mirror / "csv/FF++_Metadata.csv")
    assert manifest.root == mirror
    found = manifest.table.set_index("path")
    assert dict(found["label"]) == labels(build_manifest(mirror))
    assert found.loc["Deepfakes/033_097.mp4", ["method", "ids"]].tolist() == ["Deepfakes", "033;097"]
    one = build_manifest(mirror / "csv/Deepfakes.csv")
    assert labels(one) == {"Deepfakes/033_097.mp4": 1} and problems(one).keys() == {"Deepfakes/044_945.mp4"}


AV_HEAD = "source,target1,target2,method,category,type,race,gender,path,\n"
AV_ROWS = [
    ("id00076", "-", "-", "real", "A", "RealVideo-RealAudio", "00109.mp4"),
    ("id00076", "id00200", "-", "rtvc", "B", "RealVideo-FakeAudio", "00109_fake.mp4"),
    ("id00076", "id00476", "-", "faceswap", "C", "FakeVideo-RealAudio", "00109_id00476_faceswap.mp4"),
    ("id00076", "id00173", "3", "fsgan-wav2lip", "D", "FakeVideo-FakeAudio", "00109_3_id00173_fsgan-wav2lip.mp4"),
    ("id00166", "-", "-", "real", "A", "RealVideo-RealAudio", "00010.mp4"),
]


@pytest.fixture(params=["", "FakeAVCeleb/"])
def fake_av(request, tmp_path) -> Path:
    """FakeAVCeleb v1.2: its table at the top, the four folders beside or in one below."""
    text = AV_HEAD
    for source, first, second, method, category, kind, name in AV_ROWS:
        folder = f"{kind}/African/men/{source}"
        make(tmp_path, f"{request.param}{folder}/{name}")
        text += f"{source},{first},{second},{method},{category},{kind},African,men,{name},FakeAVCeleb/{folder}\n"
    (tmp_path / "meta_data.csv").write_text(text)
    return tmp_path


@pytest.mark.parametrize("named", ["", "meta_data.csv"])
def test_fakeavceleb_by_its_pictures(fake_av, named):
    manifest = build_manifest(fake_av / named)
    assert manifest.settings["layout"] == "fakeavceleb" and manifest.report.empty
    found = manifest.table.set_index(manifest.table["path"].str.rpartition("/")[2])
    assert dict(found["label"]) == {
        "00109.mp4": 0,
        "00109_fake.mp4": 0,
        "00109_id00476_faceswap.mp4": 1,
        "00109_3_id00173_fsgan-wav2lip.mp4": 1,
        "00010.mp4": 0,
    }
    assert set(found["dataset"]) == {"FakeAVCeleb"}
    assert found.loc["00109_id00476_faceswap.mp4", ["method", "ids"]].tolist() == ["faceswap", "id00076;id00476"]
    assert found.loc["00109_3_id00173_fsgan-wav2lip.mp4", "ids"] == "id00076;id00173"
    assert found.loc["00109_fake.mp4", ["method", "ids"]].tolist() == ["", "id00076;id00200"]
    assert any("1 videos of RealVideo-FakeAudio count as real" in note for note in manifest.notes)


def test_fakeavcelebs_table_with_backslashes(fake_av):
    before = build_manifest(fake_av)
    table = fake_av / "meta_data.csv"
    table.write_text(table.read_text().replace("/", "\\"))
    manifest = build_manifest(fake_av)
    assert manifest.table.equals(before.table) and manifest.report.empty and manifest.notes == before.notes
    table.write_text(table.read_text() + "id00076\nRealVideo-RealAudio\\a.mp4\n")  # lines that were cut short
    assert build_manifest(fake_av).table.equals(before.table)


def test_dfdcs_table_with_backslashes(tmp_path):
    make(tmp_path, "test/one/x.mp4", "test/two/x.mp4")
    (tmp_path / "test/labels.csv").write_text("filename,label\none\\x.mp4,0\ntwo\\x.mp4,1\n")
    assert labels(build_manifest(tmp_path)) == {"test/one/x.mp4": 0, "test/two/x.mp4": 1}


def test_fakeavceleb_in_part_and_without_its_table(fake_av):
    gone = next(fake_av.rglob("00010.mp4"))
    gone.unlink()
    manifest = build_manifest(fake_av)
    assert problems(manifest) == {
        "realvideo-realaudio/african/men/id00166/00010.mp4": "listed in meta_data.csv, but there is no such video"
    }
    (fake_av / "meta_data.csv").unlink()
    manifest = build_manifest(fake_av)
    assert manifest.settings["layout"] == "fakeavceleb" and manifest.table["label"].tolist().count(1) == 2
    assert set(manifest.table.loc[manifest.table["label"] == 1, "method"]) == {"unknown"}
    assert any("no meta_data.csv" in note for note in manifest.notes)


def test_people_of_fakeavceleb_stay_together(fake_av):
    table = split_by_group(build_manifest(fake_av)).table
    assert table.loc[table["ids"].str.contains("id00076"), "split"].nunique() == 1


# --- addresses -------------------------------------------------------------------------------------------------------

ADDRESSES = ["https://example.org/a.mp4", "http://x.y/v?id=1", "rtsp://camera/1", "s3://bucket/a.mp4",
             "www.example.org/a.mp4", "youtu.be/abc"]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_refused_with_the_remedy(address):
    with pytest.raises(DataError, match=r"is an address.*[Dd]ownload it first"):
        find_input(address)


@pytest.mark.parametrize("around", [" {}", "{}\n", "<{}>", '"{}"', "'{}' ", "\u201c{}\u201d", "({})", "\u200b{}"])
def test_an_address_is_one_with_what_was_copied_along(around, tmp_path):
    address = around.format("https://example.org/a.mp4")
    with pytest.raises(VideoError, match=r"is an address.*Download it first"):
        probe_video(address)
    with pytest.raises(WriteError, match="is an address"):
        output_path(address)
    make(tmp_path, "a.mp4")
    clip = tmp_path / "a.mp4"
    with pytest.raises(DataError, match="leave out what stands round it") as caught:
        find_input(around.format(clip))
    assert f"there is {clip}:" in str(caught.value)


@pytest.mark.parametrize("start", ["file://", "file:", "<file://localhost", "FILE://"])
def test_a_file_that_a_browser_names_is_told_by_its_path(tmp_path, start):
    make(tmp_path, "my clip.mp4")
    with pytest.raises(DataError, match=r"there is .*my clip\.mp4: leave out what stands round it"):
        find_input(f"{start}{tmp_path}/my%20clip.mp4")
    with pytest.raises(DataError, match=r"There is nothing at .*/gone clip\.mp4\. Check the spelling"):
        find_input(f"{start}{tmp_path}/gone%20clip.mp4")


def test_a_file_whose_name_has_such_signs_round_it_is_a_file(tmp_path):
    make(tmp_path, "<a.mp4>", " b.mp4", "b.mp4")
    assert find_input(tmp_path / "<a.mp4>").name == "<a.mp4>"
    assert find_input(tmp_path / " b.mp4").name == " b.mp4"


def test_every_function_that_takes_a_path_refuses_an_address(detector, tmp_path):
    address = "https://example.org/a.mp4"
    tries = [
        (VideoError, lambda: scan_video(address, detector)),
        (VideoError, lambda: scan_video(Path(address), detector)),  # a `Path` makes one of the two slashes
        (VideoError, lambda: probe_video(address)),
        (DataError, lambda: scan_folder(address, tmp_path, detector)),
        (DataError, lambda: build_manifest(address)),
        (DataError, lambda: Manifest.load("https://example.org/m.csv")),
        (DataError, lambda: audit_split("https://example.org/m.csv")),
        (CheckpointError, lambda: load_checkpoint("https://example.org/c.safetensors")),
        (WriteError, lambda: output_path("s3://bucket/out")),
    ]
    for kind, attempt in tries:
        with pytest.raises(kind, match="is an address"):
            attempt()


def test_a_file_that_is_named_like_an_address_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(make(tmp_path, "https:/example.org/a.mp4"))
    assert find_input("https://example.org/a.mp4") == tmp_path / "https:/example.org/a.mp4"
