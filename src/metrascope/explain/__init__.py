"""Where networks look, whether that can be trusted, and what else they may have learned.

heatmap        grad-CAM: where in an image a network saw a class
localization   heat maps against lesion masks: how far a network looks where the lesion is
lesion_measures where the heat maps of a study's runs lie, lesion by lesion: ``localization.csv``
faithfulness   deletion and insertion: how far a prediction rests on what its heat map shows
sanity         heat maps of a network with random weights: a trained one should draw others
shortcuts      how far a prediction changes with what should not matter
perturbations  changes by scanners and people that leave the patient's disease as it is
border         how well the border of an image alone predicts its class
embedding      features in two dimensions, and how well the classes are separated there
probe          a trained network as the measurements need it: grey images in, numbers out
sample         the images that a costly measurement is made on
measurements   the files of a run from which the measurements are made: ``faithfulness.csv`` and
               others
"""
