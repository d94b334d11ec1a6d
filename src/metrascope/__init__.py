"""Metrascope reads routine transvaginal ultrasound stills of the uterus.

A still is read as normal uterus, submucosal fibroid or endometrial polyp, after a 2025 study
that compared eight ImageNet networks. Research use only, not a medical device.

Map of the package, in the order in which data flows; each folder's own docstring lists its files:

phantom       synthetic ultrasound with known truth; ``phantom/hospital`` invents whole exports
sources       files, archives and discs of an export
dicom         one DICOM file
screen        one decoded screen: scan sector, marks, lettering, usability
labels        the table of pathology results
ingest        raw exports to a clean data set
dataset       manifest, images, split, store of decoded pixels
audit         duplicates, leaks, confounding
networks      the eight networks and their files
training      one run, from data to predictions
explain       heat maps, shortcuts, embeddings
statistics    numbers with intervals, from the predictions table
results       numbers to cells and sentences
figures       matplotlib
study_folder  a study's files, read back
report        page, Word document, methods, checklists, cards
study         all runs of one question, resumable
export        trained runs to a bundle
predict       a bundle and a file to a reading, without torch
commands      the command line, one file per command

and what all of them share: ``files`` (whole or absent, strict tables), ``settings``, ``processes``
(workers, clusters), ``arrays`` (named once), ``errors``, ``messages`` (sentences in English and
Chinese), ``classes``, ``pages``, ``overlay``, ``progress``.
"""

__version__ = "0.1.0"
