"""Metrascope reads routine transvaginal ultrasound stills of the uterus.

A still is read as normal uterus, submucosal fibroid or endometrial polyp, after a 2025 study
that compared eight ImageNet networks. Research use only, not a medical device.

Map of the package, in the order in which data flows:

- ``phantom``: synthetic transvaginal ultrasound with known truth.
- ``data``: manifest, split, pixel store, preprocessing, augmentation.
- ``networks``, ``weights``, ``checkpoint``: the eight networks and their files.
- ``training``: one run, from data to predictions.
- ``evaluation``: the predictions table and every number made from it.
- ``explain``: heat maps and embeddings.
- ``figures``, ``report``: what people look at.
- ``study``: all runs of one question, resumable.
- ``cli``: the commands.
"""

__version__ = "0.1.0"
