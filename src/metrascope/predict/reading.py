"""What a reading says: of an image, and of a patient. The published form of all output.

``python -m metrascope.predict.reading`` prints the JSON schema, docs/reading.schema.json.
"""

from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

READING_FORMAT: Final = "metrascope-reading/1"
NOTICE: Final = "Research use only, not a medical device."

GroupKind = Literal["patient", "loop"]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Notice(_Record):
    """A sentence for the reader.

    Attributes
    ----------
    key
        Stable name, for programs.
    text
        In the language of the reading.
    """

    key: str
    text: str


class Neighbor(_Record):
    """A training image that the networks see much alike.

    Attributes
    ----------
    image, label
        Of the data set.
    similarity
        Cosine of the features, at most 1.
    """

    image: str
    label: str
    similarity: Annotated[float, Field(ge=-1, le=1)]


class ImageReading(_Record):
    """The reading of one image, or of one frame of a loop.

    Attributes
    ----------
    file
        As it was given, or relative to the folder that was given.
    patient
        PatientID of the file's header, or the folder's name where that was asked for; ``""``
        where it is absent or stands for nobody (``ANONYMOUS``, ``0``).
    frame, frames
        Number of the frame, from 1, and how many the file has; panels of a split screen count each.
    key_frame
        Whether it is the one that a loop is shown by.
    probabilities
        By class, calibrated, six decimals; absent where the reading is refused.
    refused_probabilities
        By class, where the networks had looked and the reading was refused then: for research
        on refusals alone, and no reading.
    predicted
        The likeliest class; absent where the reading is refused.
    prediction_set
        Classes that cannot be ruled out at the confidence; absent where the bundle has no
        calibration data.
    confidence
        Of the set.
    refusal
        Why there is no reading, if so.
    warnings
        What to mind.
    strangeness
        How far from the training data, 1 at the threshold of refusal; absent where not fitted.
    heat_map
        File name of the overlay, where one was asked for; of a refused image there is none.
    neighbors
        Nearest training images, where the bundle carries them.
    seconds
        From bytes to reading, in Python; absent in what the command writes: the same files give
        the same bytes.
    bundle
        SHA-256 of the bundle.
    """

    kind: Literal["image"] = "image"
    format: Literal["metrascope-reading/1"] = READING_FORMAT
    file: str
    patient: str
    frame: Annotated[int, Field(ge=1)] = 1
    frames: Annotated[int, Field(ge=1)] = 1
    key_frame: bool = True
    probabilities: dict[str, _Share] | None = None
    refused_probabilities: dict[str, _Share] | None = None
    predicted: str | None = None
    prediction_set: tuple[str, ...] | None = None
    confidence: _Share | None = None
    refusal: Notice | None = None
    warnings: tuple[Notice, ...] = ()
    strangeness: Annotated[float, Field(ge=0)] | None = None
    heat_map: str | None = None
    neighbors: tuple[Neighbor, ...] = ()
    seconds: Annotated[float, Field(ge=0)] | None = None
    bundle: str
    notice: str = NOTICE


class PatientReading(_Record):
    """The reading of one patient, or loop: the mean over her images, where they agree.

    Attributes
    ----------
    kind
        ``loop`` for the frames of one file.
    patient
        As of the images; of a loop, its file.
    files, read
        How many images and loops there are, and how many of them can be used.
    counts
        By class, how many of them (of a loop: frames) are read as it, each by itself.
    contradiction
        Whether they exclude each other: then there is no class, and ``refusal`` names them.
    probabilities, refused_probabilities, predicted, prediction_set, confidence, refusal
        As of an `ImageReading`, of the mean.
    warnings
        What to mind: files beside hers that say no patient, images that are read otherwise.
    """

    kind: GroupKind = "patient"
    format: Literal["metrascope-reading/1"] = READING_FORMAT
    patient: str
    files: Annotated[int, Field(ge=1)]
    read: Annotated[int, Field(ge=0)]
    counts: dict[str, int] = {}
    contradiction: bool = False
    probabilities: dict[str, _Share] | None = None
    refused_probabilities: dict[str, _Share] | None = None
    predicted: str | None = None
    prediction_set: tuple[str, ...] | None = None
    confidence: _Share | None = None
    refusal: Notice | None = None
    warnings: tuple[Notice, ...] = ()
    bundle: str
    notice: str = NOTICE


class Seen(BaseModel):
    """What is behind an `ImageReading`, for pictures and programs; not part of its JSON.

    Attributes
    ----------
    grey
        uint8, (height, width): the sector crop.
    maps
        float32, (K, rows, columns): heat of every class, at least 0.
    box
        Left, top, right and bottom of what the networks saw, in pixels of ``grey``.
    probabilities
        float64, (K,): calibrated.
    thumbnails
        uint8, squares: of the neighbors.
    usable
        Whether the reading of a patient may rest on it: not for a stranger to the networks.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    grey: npt.NDArray[np.uint8]
    maps: npt.NDArray[np.float32]
    box: tuple[float, float, float, float]
    probabilities: npt.NDArray[np.float64]
    usable: bool
    thumbnails: tuple[npt.NDArray[np.uint8], ...] = ()


def schema() -> dict[str, object]:
    """Return the JSON schema of a line of output."""
    from pydantic import TypeAdapter

    line = Annotated[ImageReading | PatientReading, Field(discriminator="kind")]
    adapter: TypeAdapter[ImageReading | PatientReading] = TypeAdapter(line)
    return {"title": "A line of metrascope predict --format json", **adapter.json_schema()}


if __name__ == "__main__":
    import json
    import sys

    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
