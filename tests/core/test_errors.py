"""The error tree is a promise: codes and exit codes do not change."""

from __future__ import annotations

from mien.core import errors


def walk(kind: type[errors.MienError]) -> list[type[errors.MienError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in walk(child))]


def test_every_error_has_its_own_code() -> None:
    codes = [kind.code for kind in walk(errors.MienError)]
    assert len(codes) == len(set(codes))


def test_exit_codes_tell_whose_fault_it_is() -> None:
    for kind in walk(errors.InputError):
        assert kind.exit_code == 2
    for kind in walk(errors.ModelError):
        assert kind.exit_code == 3
    for kind in walk(errors.StoreError):
        assert kind.exit_code == 4


def test_a_shape_error_says_what_shape_it_wanted() -> None:
    assert str(errors.ShapeError("boxes", "(N, 4)", (3, 5))) == "boxes must have shape (N, 4), not (3, 5)"


def test_an_image_error_carries_its_reason_in_the_code() -> None:
    assert errors.ImageError("damaged", "cut off").to_dict() == {
        "code": "image_damaged",
        "message": "cut off",
    }
