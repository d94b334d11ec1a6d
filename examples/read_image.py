"""Read one image with a bundle, or with a run of a study: python read_image.py BUNDLE IMAGE."""

import sys

from metrascope import Predictor


def main(bundle: str, image: str) -> None:
    """Print the reading of every frame, or why there is none."""
    predictor = Predictor(bundle)
    for reading, _ in predictor.read(image):
        if reading.refusal is not None:
            print(f"{reading.file}: refused, {reading.refusal.text}")
            continue
        shares = ", ".join(f"{name} {share:.2f}" for name, share in reading.probabilities.items())
        print(f"{reading.file}: {reading.predicted} ({shares})")
        for warning in reading.warnings:
            print(f"  mind: {warning.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
