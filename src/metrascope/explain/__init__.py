"""Where networks look, whether that can be trusted, and what else they may have learned.

heatmap        grad-CAM: where in an image a network saw a class
localization   heat maps against lesion masks: how far a network looks where the lesion is
lesion_measures where the heat maps of a study's runs lie, lesion by lesion: ``localization.csv``
faithfulness   deletion and insertion: how far a prediction rests on what its heat map shows
sanity         heat maps of a network that knows nothing: a trained one should not draw the same
shortcuts      shortcuts: how far a reading changes with what should not matter
perturbations  what scanners and people change in an image without changing what is wrong with the
               patient
border         what the border of an image alone tells of the class
embedding      features in two dimensions, and how well the classes stand apart there
probe          A trained network as what the measurements need: grey images in, numbers out
sample         which of many images are looked at closely
measurements   what a run leaves of its network for the measurements: ``faithfulness.csv`` and
               others
"""
