"""Photos in, people out, with a stand-in for the networks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.gallery.conftest import near, unit

from mien.core.answers import Grouped
from mien.core.errors import AmbiguousFace, InputError, NoFaceFound
from mien.core.people import Consent, Match
from mien.core.report import FaceReport, PhotoReport
from mien.core.types import Box, Detection, Embedding
from mien.embedding.calibration import Calibration, EvidenceCurve, FmrCurve
from mien.gallery.corrections import split, undo
from mien.pipeline.analyze import Analyzer
from mien.pipeline.cluster import gather, group, group_into, make_out, write_groups
from mien.pipeline.enrol import enrol
from mien.pipeline.gallery import Gallery
from mien.pipeline.identify import assign, operating_point

MODEL = "stand-in"
SIZE = 128


def photo(*faces: str) -> bytes:
    """A picture: "7:0.8" is a face at cosine 0.8 from person 7; "7:0.8:3" is three times as wide."""
    return ",".join(faces).encode()


class StandIn:
    """Reads `photo` instead of pixels."""

    class config:
        streams = 1

        class profile:
            embedder = MODEL

    def analyze_many(
        self,
        sources: Iterable[bytes],
        only: Collection[str] | None = None,
        *,
        finish: Callable[[object, PhotoReport], None] | None = None,
    ) -> Iterator[PhotoReport]:
        for number, source in enumerate(sources):
            name = f"#{number}"
            if source == b"broken":
                yield PhotoReport(name, 0, 0, (), InputError("broken: use another"))
                continue
            texts = source.decode().split(",") if source else []
            report = PhotoReport(name, 1000, 1000, tuple(self.face(t, i) for i, t in enumerate(texts)))
            if finish is not None:
                finish(source, report)
            yield report

    def analyze(self, source: bytes, only: Collection[str] | None = None) -> tuple[FaceReport, ...]:
        return next(self.analyze_many([source], only)).faces

    def face(self, text: str, place: int) -> FaceReport:
        person, cosine, *width = text.split(":")
        side = 100.0 * float(width[0] if width else 1)
        box = Box(place * 200.0, 0.0, place * 200.0 + side, side)
        vector = near(unit(int(person), SIZE), float(cosine), zlib.crc32(text.encode()) % 1000 + place)
        detection = Detection(box, 0.95, np.zeros((5, 2)))
        return FaceReport(detection, frozenset({"box"}), embedding=Embedding(vector, MODEL))


def calibration() -> Calibration:
    """Strangers: a tenth of them each 0.1 of cosine."""
    curve = FmrCurve([0.0, 0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 1e-2, 1e-3, 1e-4], *bounds(), decay=0.05)  # type: ignore[arg-type]  # lists become arrays
    evidence = EvidenceCurve([0.0, 0.5], [-5.0, 8.0])  # type: ignore[arg-type]  # lists become arrays
    return Calibration(MODEL, {}, curve, evidence, "made up", "none", 10, 10, 100, 100_000)


def bounds() -> tuple[list[float], list[float]]:
    rates = [0.5, 0.1, 1e-2, 1e-3, 1e-4]
    return [rate / 2 for rate in rates], [min(rate * 2, 1.0) for rate in rates]


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    monkeypatch.setenv("MIEN_KEYS", str(tmp_path / "keys"))
    with Gallery(str(tmp_path / "people"), analyzer=cast(Analyzer, StandIn())) as opened:
        opened.__dict__["calibration"] = calibration()
        yield opened


def test_says_who_is_in_a_group_photo_and_who_is_unknown(gallery: Gallery) -> None:
    gallery.enrol("Ada", [photo("1:0.9"), photo("1:0.85")])
    gallery.enrol("Ben", [photo("2:0.9")])
    faces = gallery.identify(photo("2:0.8", "9:0.9", "1:0.8"))
    assert [face.decision for face in faces] == ["Ben", None, "Ada"]
    assert faces[0].candidates[0].name == "Ben"
    assert faces[0].candidates[0].expected_false_alarms < 1e-4


def test_one_person_appears_once_in_a_photo(gallery: Gallery) -> None:
    gallery.enrol("Ada", [photo("1:1")])
    faces = gallery.identify(photo("1:0.8", "1:0.95"))
    assert [face.decision for face in faces] == [None, "Ada"]


def test_a_runner_up_may_take_the_face_that_the_best_did_not_need() -> None:
    ada, ben = Match(1, "Ada", 0.9), Match(2, "Ben", 0.7)
    twins = [[Match(1, "Ada", 0.95)], [ada, ben]]
    assert [match and match.name for match in assign(twins, 0.5)] == ["Ada", "Ben"]


def test_two_faces_as_alike_with_two_people_get_one_each() -> None:
    """Two entries that hold the same photo are equally like every face."""
    both = [Match(1, "Ada", 0.9), Match(2, "Countess", 0.9)]
    chosen = assign([both, both], 0.5)
    assert sorted(match.name or "" for match in chosen if match) == ["Ada", "Countess"]


def test_the_threshold_rises_with_the_gallery() -> None:
    known = calibration()
    small, large = operating_point(known, 1, 0.01), operating_point(known, 1000, 0.01)
    assert small.fmr == pytest.approx(0.01)
    assert small.threshold == pytest.approx(0.2)
    assert large.fmr == pytest.approx(1e-5, rel=0.01)
    assert (small.supported, large.supported) == (True, False)
    assert 1 - (1 - large.fmr) ** 1000 == pytest.approx(0.01)


def test_a_bad_photo_is_a_row_not_the_end(gallery: Gallery) -> None:
    report = gallery.enrol("Ada", [photo("1:0.9"), b"broken", b"", photo("1:0.9", "5:0.9")])
    assert len(report.accepted) == 2
    assert [type(error) for error in report.rejected.values()] == [InputError, NoFaceFound]


def test_among_several_faces_the_one_like_the_other_photos_is_taken(gallery: Gallery) -> None:
    gallery.enrol("Ada", [photo("1:0.9"), photo("5:0.9", "1:0.9:0.5")])
    assert gallery.identify(photo("1:0.9"))[0].decision == "Ada"
    assert gallery.identify(photo("5:0.9"))[0].decision is None


def test_a_group_photo_alone_is_ambiguous_unless_one_face_is_clearly_larger(gallery: Gallery) -> None:
    with pytest.raises(AmbiguousFace, match="--which"):
        gallery.enrol("Ada", [photo("1:0.9", "2:0.9")])
    assert gallery.enrol("Ada", [photo("1:0.9:2", "2:0.9")]).accepted == ("#0",)
    assert gallery.identify(photo("1:0.9"))[0].decision == "Ada"


def test_warns_when_a_new_person_looks_like_somebody_known(gallery: Gallery) -> None:
    gallery.enrol("Ada", [photo("1:0.9")])
    assert gallery.enrol("Augusta", [photo("1:0.95")]).looks_like == "Ada"
    assert gallery.enrol("Ben", [photo("2:0.95")]).looks_like is None


def test_consent_is_kept_with_the_person(gallery: Gallery) -> None:
    consent = Consent("Ada", "door", "notice 1", at=1.0)
    person = gallery.enrol("Ada", [photo("1:0.9")], consent=consent).person
    assert person is not None
    assert gallery.find("Ada").consent == consent


def pile() -> list[bytes]:
    return [photo(f"{p}:0.9", f"{p + 1}:0.9") for p in (1, 3)] + [
        photo(f"{p}:0.{8 + k}") for p in range(1, 5) for k in (0, 1)
    ]


def test_groups_a_pile_of_photos_by_person(gallery: Gallery) -> None:
    found = gather(gallery.analyzer, pile())
    groups = group(found, calibration())
    assert [face.group for face in groups] == [0, 1, 2, 3, 0, 0, 1, 1, 2, 2, 3, 3]


def test_groups_are_remembered_and_corrections_stick_when_photos_come_again(gallery: Gallery) -> None:
    gallery.enrol("Ada", [photo("1:1")])
    first = gallery.cluster(pile())
    assert len(gallery) == 4
    assert {face.name for face in first if face.group == first[0].group} == {"Ada"}
    wrong = gallery.faces("Ada")[-1].id
    moved = split(gallery.people, "Ada", [wrong], "Twin")
    again = gallery.cluster([*pile(), photo("3:0.95")])
    assert len(gallery) == 5
    assert len(gallery.faces("Twin")) == 1
    assert {face.person for face in again} == {person.id for person in gallery.list()}
    assert moved.id in {face.person for face in again}
    assert sum(len(gallery.faces(person.id)) for person in gallery.list()) == 14
    assert undo(gallery.people) == "split"


def test_merged_people_stay_one_and_separate_people_stay_two_when_more_photos_arrive(
    gallery: Gallery,
) -> None:
    # 3 and 4 look unlike, and are one person all the same, as somebody with and without a beard is.
    groups = gallery.cluster([photo(f"{p}:0.9{k}") for p in (1, 2, 3, 4) for k in (1, 2)])
    one, two, three, four = dict.fromkeys(face.person for face in groups)
    assert None not in (one, two, three, four)
    gallery.not_the_same(one or 0, two or 0)
    gallery.merge(three or 0, four or 0)
    later = gallery.cluster([photo(f"{p}:0.8{k}") for p in (1, 2, 3, 4) for k in (5, 6)])
    assert [face.person for face in later] == [one, one, two, two, three, three, three, three]
    assert len(gallery) == 3
    assert gallery.undo() == "merge"
    assert len(gallery) == 4
    assert len(gallery.faces(four or 0)) == 2  # what came after the merge stays with the one it was given to


def test_faces_told_apart_are_not_joined_by_photos_that_arrive_between_them(gallery: Gallery) -> None:
    """A bridge: photos that look like both must not make two people one."""
    gallery.enrol("Ada", [photo("1:0.95")])
    gallery.enrol("Twin", [photo("1:0.9")])
    gallery.not_the_same("Ada", "Twin")
    groups = gallery.cluster([photo(f"1:0.9{k}") for k in range(6)])
    assert {person.name for person in gallery.list()} == {"Ada", "Twin"}
    assert {face.name for face in groups} <= {"Ada", "Twin"}


def test_copies_of_a_photo_show_the_same_people_and_count_once(gallery: Gallery) -> None:
    photos = [photo("1:0.9", "2:0.9"), photo("1:0.8"), photo("2:0.85")]
    alone = group(gather(gallery.analyzer, photos), calibration())
    thrice = group(gather(gallery.analyzer, photos * 3), calibration())
    assert [face.group for face in thrice] == [face.group for face in alone] * 3
    assert len({face.source for face in thrice}) == 9
    remembered = gallery.cluster(photos * 2)
    assert len(gallery) == 2
    assert [face.person for face in remembered[:4]] == [face.person for face in remembered[4:]]
    assert sum(len(gallery.faces(person.id)) for person in gallery.list()) == 4


def test_a_group_that_was_named_answers_with_its_name(gallery: Gallery) -> None:
    groups = gallery.cluster(pile())
    person = groups[2].person
    assert person is not None
    gallery.rename(person, "Cleo")
    assert gallery.identify(photo("3:0.9"))[0].decision == "Cleo"


def test_groups_are_written_as_folders_and_lines(gallery: Gallery, tmp_path: Path) -> None:
    pictures = tmp_path / "photo.jpg"
    pictures.write_bytes(b"pixels")
    groups = group(gather(gallery.analyzer, [photo("1:0.9")]), calibration())
    named = [cast(Any, face).__class__(str(pictures), face.box, face.group) for face in groups]
    (written,) = write_groups(tmp_path / "out", named)
    assert written.read_bytes() == b"pixels"
    assert (tmp_path / "out" / "groups.jsonl").read_text().count("\n") == 1


def test_a_photo_with_the_longest_name_is_written_too(tmp_path: Path) -> None:
    picture = tmp_path / ("李" * 80 + ".jpg")
    picture.write_bytes(b"pixels")
    (written,) = write_groups(tmp_path / "out", [Grouped(str(picture), Box(0, 0, 1, 1), 0)])
    assert written.suffix == ".jpg"


def test_two_groupings_never_share_a_folder(tmp_path: Path) -> None:
    list(write_groups(tmp_path, []))
    with pytest.raises(InputError, match="choose another --out"):
        make_out(tmp_path)
    make_out(tmp_path, resume=True)


def test_nothing_to_group_is_no_group(gallery: Gallery) -> None:
    assert group_into(gallery.people, [], calibration()) == []


def test_enrol_reports_why_nobody_was_enrolled(gallery: Gallery) -> None:
    report = enrol(gallery.people, gallery.analyzer, "Ada", [b"broken"], calibration())
    assert report.person is None
    assert isinstance(report.error, InputError)
    assert len(gallery) == 0
