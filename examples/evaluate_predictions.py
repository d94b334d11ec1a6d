"""Evaluate any tool's predictions: python evaluate_predictions.py predictions.csv PAGE.html."""

import sys

import pandas as pd

from metrascope import evaluate


def main(predictions: str, page: str) -> None:
    """Print the macro F1 of each network with its 95 % interval, and write the page."""
    table = pd.read_csv(predictions)  # image, patient_id, label, p_<class> …
    found = evaluate(table, name="my test set")
    for network in found.networks:
        print(f"{network}: macro F1 {found.estimate('macro_f1', network)} %")
    print(found.tables["confusion"].to_string(index=False))
    print(found.differences.to_string(index=False))
    print(found.page(page))


if __name__ == "__main__":
    main(*sys.argv[1:])
