"""From a folder of raw exports to a clean data set; the front door is `ingest.py`.

ingest              ingest a folder: find its files, take them in on several processes, assemble
                    the data set
file                take in one file: whose it is, its clean stills written under pseudonyms, and
                    a record
identity            who the patient of a file is, and which examination it belongs to
pseudonyms          keyed pseudonyms: what stands for patients, studies, images and dates in a
                    clean data set
conflicts           files that contradict each other about whose they are: they are left to a
                    person
ties                what ties patients together who may be one woman: a split keeps them on one
                    side
decisions           what a person has decided about diagnoses, read back from the list that ingest
                    wrote
headings            headings of the private lists in the language of the run; those of either
                    language are read
diagnoses           the list of all diagnoses, ``diagnoses.csv``: how each was read, and what a
                    person decides
carried             decisions on diagnoses that took in patients who were not there when they were
                    made
journal             what became of every file so far: written line by line, so that a kill loses
                    nothing
places              where the files of earlier runs are now: in this folder, in another one,
                    changed or gone
key_folder          the key folder: the secret and, of each data set made with it, the lists that
                    lead to patients
catalog             assemble a data set from what became of every file: manifest, rejects, and the
                    private lists
manifest_decisions  what people have decided about images: one cell a line, in a file that every
                    ingest respects
edits               what a person has changed in ``manifest.csv`` since ingest last wrote it
applying            A catalog as people have decided it: labels, groups, rows taken out and rows
                    added
image_files         the files of images in a data set: which are ingest's own, which are missing,
                    which may go
label_notices       what an ingest says of the table of labels: columns, classes, and what is to
                    be decided
notices             what an ingest says of earlier runs and of what people decided: one sentence
                    for each kind
changes             what an ingest has changed in the data set, and whether its folder and its
                    labels fit at all
waiting             what of a data set waits for a person: one count, for the screen and for the
                    evidence page
flow_diagram        how many files and stills went which way: the flow diagram that STARD asks for
in_force            what a data set rests on beside its files: columns of the labels, and
                    decisions of people
evidence            write ``evidence.html``: what went in, what came out, what was removed, what
                    needs a person
contact_sheet       contact sheet: some images of each scanner before and after, as small pictures
                    for a page
rejection           reasons in words: whole sentences for a list, few words for a count
"""
