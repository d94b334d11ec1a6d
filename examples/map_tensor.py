"""Write the heat map of an image beside it: python map_tensor.py DATA MAP.png [weights]."""

import sys

import numpy as np
from PIL import Image

from metrascope import create_network, heat_map, load_data


def main(data: str, picture: str, weights: str = "imagenet") -> None:
    """Show where a network saw the class of the first image; give weights of a trained network."""
    dataset = load_data(data)
    network = create_network("resnet18", len(dataset.classes), weights=weights)
    image, label = dataset[0]  # float32 (3, 224, 224), normalized
    heat = heat_map(network, image[None], label)[0]  # float32 (224, 224), between 0 and 1
    steps = dataset.preprocessing
    grey = np.clip(image[0].numpy() * steps.std[0] + steps.mean[0], 0, 1)
    beside = np.hstack([grey, heat])
    Image.fromarray(np.rint(beside * 255).astype(np.uint8)).save(picture)
    print(f"{dataset.classes[label]}: hottest at row {heat.argmax() // heat.shape[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
