"""Train one network in a loop of one's own: python train_own_loop.py DATA [weights] [epochs]."""

import sys

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from metrascope import create_network, evaluate, load_data


def main(data: str, weights: str = "imagenet", epochs: str = "3", size: str = "224") -> None:
    """Train a ResNet-18 and print how well it reads the patients that it has not seen."""
    dataset = load_data(data, input_size=int(size))
    train, validation, _ = dataset.split(validation=0.2, near_duplicates=False)
    network = create_network("resnet18", len(dataset.classes), weights=weights)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    # A batch of one image cannot be normalized: the last one is left out where it is short.
    loader = DataLoader(train, batch_size=8, shuffle=True, drop_last=True)
    for epoch in range(int(epochs)):
        network.train()
        for images, labels in loader:
            loss = cross_entropy(network(images).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

    network.eval()
    with torch.no_grad():
        batches = [network(images).logits.softmax(1) for images, _ in DataLoader(validation, 16)]
    known = validation.dataframe
    found = evaluate(
        known["label"],
        torch.cat(batches).numpy(),
        classes=dataset.classes,
        patients=known["patient_id"],
    )
    print(f"macro F1 {found.estimate('macro_f1')} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
