"""What would flatter a study: duplicates, leaks and confounding; the front door is `audit.py`.

audit         audit a data set: examine it and write the page, the tables and, if asked, the
              groups
examination   examine a data set: duplicates, leaks, groups, balance and quality
settings      settings of the audit: from when on two images count as one, and what the page shows
views         one image as the audit compares it: hashes, view, quality, or why it has none
pane          the scan sector of an image as the search for duplicates sees it: one size, texture
              only
points        points of a pane that can be found again after a crop, a rescale or a mirror
shelf         a scratch file that keeps the views of all images out of memory
candidates    pairs of images that are worth a close look: points that look alike vote for them
verification  are two panes one image: lay one over the other and compare the speckle, block by
              block
pairs         pairs of images that are one image, and those that are so by file or by pixels
duplicates    the duplicates of a data set, exact and near, and the table that a study keeps of
              them
groups        merge patients whose images are one into groups that a split must keep together
partitions    the partition of each image, as a split states it, right or wrong
leaks         patients or images in several partitions of a fold
confounding   can the class be told from the scanner or the centre alone? Then a network may learn
              that
quality       how good the images are: sharpness, contrast, saturation, size; by class
tables        the tables that an audit writes: pairs.csv, patient_groups.csv, audit.json
page          write ``audit.html``: one file, both languages, no network, every suspect pair side
              by side
pair_pictures pictures of a pair for the page: the two images, and the second laid over the first
"""
