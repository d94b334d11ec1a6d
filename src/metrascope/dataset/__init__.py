"""A clean data set: its manifest, its images, its split, and the store of decoded pixels.

manifest        the manifest: one row per image, the only catalogue of a data set
csv_table       read a table that a person or a spreadsheet wrote, strictly: nothing is guessed or
                dropped
patient_groups  the groups of patients that an audit has found, in a file of their own beside the
                manifest
flow            the flow of files and stills of an ingest, kept beside the manifest for the
                studies of it
image           one image of the manifest: read it with its masks and crop it to the scan sector
preprocess      the deterministic part of the model: crop, resize, grey-level table, normalize
store           the pixel store: every image decoded once, into one memory-mapped array per size
rows            arrays on disk with a row for each image, of which memory holds but a few rows
split           the partition of each patient: the table, and the paper's hold-out
designs         designs of a study: hold-out, stratified k-fold, leave one scanner or centre out
counts          how many patients and images each partition of a split has, and what that means
study_images    the images of a study, as they were when it began, and whether they still are
"""
