"""Every pair format gives the pairs that its text says, or says which line is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, ThinData
from mien.evaluation.protocols import read_pairs
from mien.evaluation.protocols.pairs import PairList, assign_folds


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def rows(pairs: PairList, root: Path) -> list[tuple[str, str, bool, int]]:
    names = [picture.relative_to(root).as_posix() for picture in pairs.pictures]
    return [
        (names[a], names[b], bool(same), int(fold))
        for a, b, same, fold in zip(pairs.a, pairs.b, pairs.same, pairs.fold, strict=True)
    ]


LFW = "2\t1\nAda\t1\t2\nAda\t1\tBo B\t1\nCy\t1\t12\nBo B\t1\tCy\t12\n"
LFW_FILES = ["Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bo B/Bo B_0001.jpg", "Cy/Cy_0001.jpg", "Cy/Cy_0012.jpg"]


@pytest.fixture
def lfw(tmp_path: Path) -> tuple[Path, Path]:
    images = tmp_path / "images"
    touch(images, *LFW_FILES)
    (tmp_path / "pairs.txt").write_text(LFW)
    return tmp_path / "pairs.txt", images


def test_lfw_folds_are_same_then_different(lfw: tuple[Path, Path]) -> None:
    pairs = read_pairs(*lfw)
    assert rows(pairs, lfw[1]) == [
        ("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", True, 0),
        ("Ada/Ada_0001.jpg", "Bo B/Bo B_0001.jpg", False, 0),
        ("Cy/Cy_0001.jpg", "Cy/Cy_0012.jpg", True, 1),
        ("Bo B/Bo B_0001.jpg", "Cy/Cy_0012.jpg", False, 1),
    ]
    assert pairs.folds_given


def test_a_picture_in_many_pairs_stands_once(lfw: tuple[Path, Path]) -> None:
    assert len(read_pairs(*lfw).pictures) == 5


def test_a_development_list_is_cut_into_ten_folds(tmp_path: Path) -> None:
    touch(tmp_path, *(f"P{i}/P{i}_000{j}.jpg" for i in range(20) for j in (1, 2)))
    same = "".join(f"P{i}\t1\t2\n" for i in range(20))
    different = "".join(f"P{i}\t1\tP{(i + 1) % 20}\t2\n" for i in range(20))
    (tmp_path / "pairsDevTest.txt").write_text(f"20\n{same}{different}")
    pairs = read_pairs(tmp_path / "pairsDevTest.txt", tmp_path)
    assert not pairs.folds_given
    for fold in range(10):
        assert pairs.same[pairs.fold == fold].tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "name", ["Ada/Ada_0001.PNG", "Ada/Ada_0001.webp", "ada/ada_0001.jpeg", "Ada/Ada_1.jpg", "Ada_0001.jpg"]
)
def test_pictures_are_found_whatever_their_ending_case_and_folder(lfw: tuple[Path, Path], name: str) -> None:
    file, images = lfw
    (images / "Ada/Ada_0001.jpg").unlink()
    if not name.startswith("Ada/"):
        (images / "Ada/Ada_0002.jpg").rename(images / "Ada_0002.jpg")
        (images / "Ada").rmdir()
    touch(images, name)
    assert images / name in read_pairs(file, images).pictures


def test_the_exact_case_wins(tmp_path: Path) -> None:
    touch(tmp_path, "A/A_0001.jpg", "A/a_0001.jpg", "A/A_0002.jpg", "b/b_0001.jpg")
    (tmp_path / "pairs.txt").write_text("1 1\nA 1 2\nA 1 b 1\n")
    assert tmp_path / "A/A_0001.jpg" in read_pairs(tmp_path / "pairs.txt", tmp_path).pictures


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2 1\nAda 1 2\nAda 1 Cy 1\n", "2 pairs where the header promises 2 x 1 x 2"),
        ("1 1\nAda 1 Cy 1\nAda 1 2\n", "line 2: .* is not `name i j`"),
        ("1 1\nAda 1 2\nAda 1 x Cy\n", "line 3: .* is not `name1 i name2 j`"),
        ("1 1\nAda 1 9\nAda 1 Cy 1\n", "line 2: there is no picture Ada/Ada_0009"),
        ("1 1\nAda 1 2\nEve 1 Cy 1\n", "line 3: there is no picture Eve/Eve_0001"),
    ],
)
def test_a_wrong_lfw_list_is_refused_by_line(lfw: tuple[Path, Path], text: str, complaint: str) -> None:
    file, images = lfw
    file.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_pairs(file, images)


TABLES = {
    "commas": "a.jpg,b.jpg,1,0\na.jpg,sub/c.png,0,0\nb.jpg,a.jpg,1,1\nb.jpg,sub/c.png,0,1\n",
    "tabs": "a.jpg\tb.jpg\ttrue\t0\na.jpg\tsub/c.png\tfalse\t0\n"
    "b.jpg\ta.jpg\tyes\t1\nb.jpg\tsub/c.png\tno\t1\n",
    "names": "path_a,path_b,same,fold\na.jpg,b.jpg,TRUE,0\n# a note\na.jpg,sub/c.png,False,0\n\n"
    "b.jpg,a.jpg,1,1\nb.jpg,sub/c.png,0,1\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_all_tables_say_the_same(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "sub/c.png")
    (tmp_path / "table").write_text(TABLES[kind])
    assert rows(read_pairs(tmp_path / "table", tmp_path), tmp_path) == [
        ("a.jpg", "b.jpg", True, 0),
        ("a.jpg", "sub/c.png", False, 0),
        ("b.jpg", "a.jpg", True, 1),
        ("b.jpg", "sub/c.png", False, 1),
    ]


def test_a_table_without_folds_is_cut(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "table.csv").write_text("a.jpg,b.jpg,1\n" * 10 + "a.jpg,c.jpg,0\n" * 10)
    pairs = read_pairs(tmp_path / "table.csv", tmp_path)
    assert not pairs.folds_given
    assert pairs.fold.tolist() == [*range(10), *range(10)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a.jpg,b.jpg,1\na.jpg,b.jpg\n", "line 2: 2 columns"),
        ("a.jpg,b.jpg,1\na.jpg,b.jpg,0,3\n", "line 2: some rows have a fold"),
        ("a.jpg,b.jpg,1\na.jpg,b.jpg,perhaps\n", "line 2: same is 'perhaps'"),
        ("a.jpg,b.jpg,1,x\na.jpg,b.jpg,0,x\n", "line 1: fold is 'x'"),
        ("a.jpg,b.jpg,1\na.jpg,z.jpg,0\n", "line 2: there is no picture .*z.jpg"),
    ],
)
def test_a_wrong_table_is_refused_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_pairs(tmp_path / "table.csv", tmp_path)


@pytest.mark.parametrize("text", ["", "a.jpg,b.jpg,1\n", "a.jpg,b.jpg,0\n"])
def test_pairs_of_one_kind_measure_nothing(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ThinData, match="list some of both"):
        read_pairs(tmp_path / "table.csv", tmp_path)


def test_a_list_that_is_not_there_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_pairs(tmp_path / "none.txt", tmp_path)


def make_cfp(root: Path) -> tuple[Path, Path]:
    protocol, images = root / "Protocol", root / "Data" / "Images"
    touch(images, "001/frontal/01.jpg", "002/frontal/01.jpg", "001/profile/01.jpg", "002/profile/01.jpg")
    for fold in ("01", "02"):
        for split, same, different in (("FP", "1,1", "1,2"), ("FF", "2,2", "2,1")):
            folder = protocol / "Split" / split / fold
            folder.mkdir(parents=True)
            (folder / "same.txt").write_text(same + "\n")
            (folder / "diff.txt").write_text(different + "\n")
    for kind, name in (("F", "frontal"), ("P", "profile")):
        listed = [f"{n} ../Data/Images/00{n}/{name}/01.jpg" for n in (1, 2)]
        (protocol / f"Pair_list_{kind}.txt").write_text("\n".join(listed) + "\n")
    return protocol, images


def test_cfp_compares_frontal_with_profile(tmp_path: Path) -> None:
    protocol, images = make_cfp(tmp_path)
    expected = [
        ("001/frontal/01.jpg", "001/profile/01.jpg", True),
        ("001/frontal/01.jpg", "002/profile/01.jpg", False),
    ]
    assert rows(read_pairs(protocol, images), images) == [(*row, fold) for fold in (0, 1) for row in expected]


def test_cfp_frontal_pairs_are_asked_for_by_their_folder(tmp_path: Path) -> None:
    protocol, _ = make_cfp(tmp_path)
    pairs = rows(read_pairs(protocol / "Split" / "FF", tmp_path), tmp_path / "Data" / "Images")
    assert pairs[1] == ("002/frontal/01.jpg", "001/frontal/01.jpg", False, 0)


def test_a_wrong_cfp_row_is_refused_by_line(tmp_path: Path) -> None:
    protocol, images = make_cfp(tmp_path)
    (protocol / "Split/FP/02/same.txt").write_text("1,1\n1,9\n")
    with pytest.raises(InputError, match=r"same\.txt, line 2: '1,9' is not `i,j`"):
        read_pairs(protocol, images)
    with pytest.raises(InputError, match="no CFP protocol"):
        read_pairs(images, images)


def test_folds_have_equal_size_and_mixture() -> None:
    same = np.random.default_rng(0).random(1000) < 0.4
    fold = assign_folds(same)
    for label in (True, False):
        counts = np.bincount(fold[same == label], minlength=10)
        assert counts.max() - counts.min() <= 1
