"""Data sources: the lists and tables of the field, as their authors wrote them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.core.errors import ImageError, InputError
from mien.core.types import Box
from mien.training.data import SOURCES, Listing, Sample, read_source, source_config
from mien.training.data.pack import write_shards
from mien.training.data.pictures import read_sample
from mien.training.options import describe_options


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / ".cache"))


def names(listing: Listing, root: Path) -> list[tuple[str, str, str]]:
    return [(s.path.relative_to(root).as_posix(), s.label, s.group) for s in listing.samples]


def test_a_table(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "path,label,who,x1,y1,x2,y2,age\na.jpg,smile,ada,1,2,3,4.5,30\n\nb/c.png, frown ,bob,0,0,9,9,\n"
    )
    listing = read_source("csv", tmp_path, group="who", box=["x1", "y1", "x2", "y2"])
    assert names(listing, tmp_path) == [("a.jpg", "smile", "ada"), ("b/c.png", "frown", "bob")]
    assert listing.samples[0].box == Box(1, 2, 3, 4.5)
    assert listing.samples[0].attributes == {"who": "ada", "age": "30"}
    assert len(read_source("csv", tmp_path, only={"who": "bob"})) == 1


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("path,kind\na,b\n", {}, "has no column 'label': name one of its own .path, kind."),
        ("path,label\na\n", {}, "row 2 of .*labels.csv has 1 columns, not 2"),
        ("path,label\na,\n", {}, "row 2 of .*labels.csv has nothing in 'label'"),
        ("path,label,x\na,b,c\n", {"box": ["x", "x", "x", "x"]}, "has 'c' in 'x', which is no number"),
        ("path,label\na,b\n", {"box": ["x"]}, "a box has four columns"),
        ('path,label\n"a,b\n', {}, "is no table"),
        ("", {}, "has no column 'label'"),
    ],
)
def test_says_what_is_wrong_with_a_table(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_source("csv", tmp_path, **options)


def test_lfws_list_of_people(tmp_path: Path) -> None:
    (tmp_path / "peopleDevTrain.txt").write_text("2\nAda_L\t2\nBob\t1\n")
    assert names(read_source("lfw", tmp_path), tmp_path) == [
        ("lfw/Ada_L/Ada_L_0001.jpg", "Ada_L", "Ada_L"),
        ("lfw/Ada_L/Ada_L_0002.jpg", "Ada_L", "Ada_L"),
        ("lfw/Bob/Bob_0001.jpg", "Bob", "Bob"),
    ]
    (tmp_path / "peopleDevTrain.txt").write_text("Ada_L\t1\t2\n")
    with pytest.raises(InputError, match=r"line 1 of .* is not a name and a count"):
        read_source("lfw", tmp_path)


def test_fairfaces_table(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "file,age,gender,race\ntrain/1.jpg,3-9,Male,East Asian\nval/2.jpg,20-29,Female,Black\n"
    )
    listing = read_source("fairface", tmp_path, label="age", part="val")
    assert names(listing, tmp_path) == [("val/2.jpg", "20-29", "val/2.jpg")]
    assert listing.samples[0].attributes == {"age": "20-29", "gender": "Female", "race": "Black"}


def test_celebas_lists(tmp_path: Path) -> None:
    (tmp_path / "identity_CelebA.txt").write_text("1.jpg 7\n2.jpg 9\n3.jpg 7\n")
    (tmp_path / "attr.txt").write_text("3\nBald Male\n1.jpg -1 1\n2.jpg  1 1\n3.jpg -1 -1\n")
    columns = " ".join(f"c{number}" for number in range(10))
    (tmp_path / "points.txt").write_text(f"1\n{columns}\n1.jpg 1 2 3 4 5 6 7 8 9 10\n")
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (tmp_path / name).touch()
    listing = read_source("celeba", tmp_path, attributes="attr.txt", landmarks="points.txt")
    assert names(listing, tmp_path) == [("1.jpg", "7", "7"), ("2.jpg", "9", "9"), ("3.jpg", "7", "7")]
    assert listing.samples[1].attributes == {"Bald": "1", "Male": "1"}
    assert np.asarray(listing.samples[0].points).tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert len(read_source("celeba", tmp_path, min_pictures=2)) == 2
    bald = read_source("celeba", tmp_path, attributes="attr.txt", label="Bald")
    assert names(bald, tmp_path)[0] == ("1.jpg", "-1", "7")
    (tmp_path / "2.jpg").unlink()
    assert len(read_source("celeba", tmp_path)) == 2
    assert len(read_source("celeba", tmp_path, present=False)) == 3
    with pytest.raises(InputError, match="has no attribute 'Tall'"):
        read_source("celeba", tmp_path, attributes="attr.txt", label="Tall")


@pytest.mark.parametrize("name", SOURCES)
def test_every_option_of_a_source_is_documented(name: str) -> None:
    assert [doc.name for doc in describe_options(source_config(name)) if not doc.doc] == []


@pytest.mark.shared
def test_reads_the_shared_data_sets(shared: Path) -> None:
    orl = read_source("folder", shared / "orl")
    assert (len(orl), len(orl.classes)) == (400, 40)
    assert read_sample(orl.samples[0]).pixels.shape == (112, 92, 3)
    assert len(read_source("fairface", shared / "fairface", part="train")) == 13_000
    celeba = read_source("celeba", shared / "celeba10k")
    assert (len(celeba), len(celeba.classes)) == (10_000, 5_429)
    assert celeba.samples[0].path.exists()


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Pictures.fromarray(np.full((16, 16, 3), shade, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Twenty-four grey pictures, each of a shade of its own, of three people."""
    samples = []
    for number in range(24):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png(10 * number))
        person = "abc"[number % 3]
        samples.append(Sample(path, person, person, {"age": str(number)}))
    return Listing(tuple(samples))


def test_shards_hold_what_was_packed(listing: Listing, tmp_path: Path) -> None:
    shards = write_shards(listing, tmp_path / "shards", 10)
    assert [shard.name for shard in shards] == [f"shard-{number:06d}.tar" for number in range(3)]
    packed = read_source("shards", tmp_path / "shards")
    assert sorted((s.label, s.group, s.attributes["age"]) for s in packed.samples) == sorted(
        (s.label, s.group, s.attributes["age"]) for s in listing.samples
    )
    for sample in packed.samples:
        assert read_sample(sample).pixels[0, 0, 0] == 10 * int(sample.attributes["age"])


def test_reads_webdatasets_class_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in (
            ("x/1.cls", b"7"),
            ("x/1.png", png(3)),
            ("x/2.png", png(4)),
            ("x/2.txt", b"ada\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = read_source("shards", tmp_path).samples
    assert [(s.label, read_sample(s).pixels[0, 0, 0]) for s in found] == [("7", 3), ("ada", 4)]


def test_says_what_is_wrong_with_a_shard(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no shards like \*\.tar"):
        read_source("shards", tmp_path)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("1.png")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(InputError, match=r"1 of .*a\.tar has no label"):
        read_source("shards", tmp_path)
    (tmp_path / "a.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(InputError, match=r"the shard .*a\.tar is unreadable"):
        read_source("shards", tmp_path)
    cut = Sample(tmp_path / "a.tar", "a", "a", span=(0, 10**6))
    with pytest.raises(ImageError, match="is cut short"):
        read_sample(cut)


def test_what_is_in_a_shard_is_remembered_until_it_changes(
    listing: Listing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = write_shards(listing, tmp_path / "shards", 24)
    before = read_source("shards", tmp_path / "shards").samples
    monkeypatch.setattr("mien.training.data.shards.read_members", lambda shard: pytest.fail("read again"))
    again = read_source("shards", tmp_path / "shards").samples
    assert [(s.label, s.group, s.attributes, s.span) for s in again] == [
        (s.label, s.group, s.attributes, s.span) for s in before
    ]
    monkeypatch.undo()
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    shards[0].unlink()
    write_shards(listing.subset(range(6)), tmp_path / "shards", 24)
    assert len(read_source("shards", tmp_path / "shards")) == 6
    for note in (tmp_path / "cache" / "shards").iterdir():
        note.write_text("{", encoding="utf-8")
    assert len(read_source("shards", shards[0])) == 6


def test_shards_may_lie_on_several_disks(listing: Listing, tmp_path: Path) -> None:
    write_shards(listing.subset(range(12)), tmp_path / "a", 6)
    write_shards(listing.subset(range(12, 24)), tmp_path / "b", 12)
    both = read_source("shards", tmp_path / "a", also=[str(tmp_path / "b")])
    assert len(both) == 24
    assert both.files is not None
    assert both.files.tolist() == [0] * 6 + [1] * 6 + [2] * 12
    assert listing.files is None
