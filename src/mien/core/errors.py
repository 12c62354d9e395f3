"""Every error that mien raises on purpose.

    MienError                     something we can name
    ├── InputError                the caller passed something we cannot use     -> exit 2, HTTP 422
    │   ├── ShapeError            an array of another shape than asked for
    │   ├── ImageError            bytes that are not a picture we read safely
    │   ├── NoFaceFound           a picture without a face where one is needed
    │   ├── AmbiguousFace         several faces where one is needed
    │   ├── ThinData              too few samples for the figure that was asked for
    │   └── UnknownPerson         nobody in the gallery has that name or id
    ├── ModelError                weights or an engine are missing or unfit      -> exit 3, HTTP 503
    │   ├── UnknownModel          no card has that name
    │   ├── ModelMissing          the file is not here and no source gave it
    │   ├── ModelCorrupt          the bytes are not what the card promises
    │   ├── LicenceRefused        the licence does not allow the use that was declared
    │   └── DependencyMissing     an optional package is not installed
    ├── StoreError                a gallery or another store refused              -> exit 4, HTTP 409
    │   ├── StoreCorrupt          bytes are not what was written
    │   ├── WrongKey              the key does not open this gallery
    │   ├── ModelMismatch         the gallery was enrolled with another network
    │   └── ConsentRequired       this gallery takes nobody without a consent record
    └── NotAnImprovement          a compressed model is worse than it may be      -> exit 1

Each has a stable ``code`` for programs; the message is one sentence that ends with the cure.
"""

from __future__ import annotations

from typing import ClassVar


class MienError(Exception):
    """Something went wrong that mien can name."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": str(self)}


class InputError(MienError):
    """The caller passed something we cannot use."""

    code = "bad_input"


class ShapeError(InputError):
    """An array does not have the shape that was asked for."""

    code = "bad_shape"

    def __init__(self, what: str, wanted: str, got: tuple[int, ...]) -> None:
        super().__init__(f"{what} must have shape {wanted}, not {got}")


class ImageError(InputError):
    """These bytes are not a picture that we read safely.

    ``reason`` is one of: unreadable (no such file, no permission), empty, unsupported_format, too_large,
    damaged, timeout.
    """

    code = "bad_image"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def to_dict(self) -> dict[str, str]:
        return {"code": f"image_{self.reason}", "message": str(self)}


class NoFaceFound(InputError):
    """A picture has no face where one is needed."""

    code = "no_face"


class AmbiguousFace(InputError):
    """A picture has several faces where one is needed."""

    code = "ambiguous_face"


class ThinData(InputError):
    """Too few samples to say what was asked."""

    code = "thin_data"


class UnknownPerson(InputError):
    """Nobody in the gallery has that name or id."""

    code = "unknown_person"


class ModelError(MienError):
    """Weights or an inference engine are missing or unfit."""

    code = "model_error"
    exit_code = 3


class UnknownModel(ModelError):
    """No model card has that name."""

    code = "unknown_model"


class ModelMissing(ModelError):
    """The model's file is not here and no source gave it."""

    code = "model_missing"


class ModelCorrupt(ModelError):
    """The model's bytes are not what its card promises."""

    code = "model_corrupt"


class LicenceRefused(ModelError):
    """The model's licence does not allow the use that was declared."""

    code = "licence_refused"


class DependencyMissing(ModelError):
    """An optional package is not installed."""

    code = "dependency_missing"


class StoreError(MienError):
    """A gallery or another store refused."""

    code = "store_error"
    exit_code = 4


class StoreCorrupt(StoreError):
    """Bytes in the store are not what was written."""

    code = "store_corrupt"


class WrongKey(StoreError):
    """The key does not open this gallery."""

    code = "wrong_key"


class ModelMismatch(StoreError):
    """The gallery holds no templates of the network that made the query."""

    code = "model_mismatch"


class ConsentRequired(StoreError):
    """This gallery takes nobody without a consent record."""

    code = "consent_required"


class NotAnImprovement(MienError):
    """A compressed model loses more accuracy than it may, or is neither smaller nor faster."""

    code = "not_an_improvement"
    exit_code = 1
