"""From the table of predictions to numbers with intervals; the front door is `evaluate.py`.

evaluate           all numbers of some predictions: the content of ``metrics.json``
predictions        the predictions table: the one thing that statistics, tables and figures are
                   made from
checks             checks of a predictions table, every problem with its file, row and column
cohort             the patients of an evaluation, and each network's readings of them
published          the published study's figures, to stand beside our own; its networks, in its
                   order
measures           measures of a network's readings, each a function of the patients' weights
performance        all numbers of one network's readings, each with its interval
limits             from how few patients a number is given, and when it has no value at all
interval           a number with its 95 % interval: the one shape in which every statistic is
                   returned
proportions        intervals of proportions of patients
shares             measures that are shares of patients, with Wilson's interval: accuracy and the
                   measures of a class
mover              intervals of sums, means and ratios, from the intervals of their parts
ratios             ratios of two rates: likelihood ratios, and predictive values at a stated
                   prevalence
totals             the measures of all classes together, with their intervals
losses             Brier score and log loss with their intervals
average_precision  average precision of each class and their mean, with intervals
roc                areas under ROC curves with DeLong's variance, patients and not images being
                   independent
roc_curves         ROC curves of every class and of their mean, with a band, as points that a
                   figure draws
resampling         bootstrap by patient: every statistic as a function of how often each patient
                   was drawn
averages           averages over patients of what was measured on their images, with intervals
comparison         which networks can be told apart: paired tests on the patients that all of them
                   read
power              how many patients a claim needs, from how much its figure varied with those at
                   hand
agreement          where networks agree: shared errors, Fleiss' kappa, and all of them voting
                   together
calibration        can the probabilities be believed? Reliability, calibration error, slope and
                   intercept
calibration_error  the interval of a calibration error, which is a sum of distances and so biased
                   upward
reliability        is what a network is 80 % sure of so in 80 %? Reliability diagrams and
                   calibration errors
recalibration      calibration slope and intercept: what it takes to put a network's probabilities
                   right
temperature        temperature scaling: one number that makes probabilities as sure as they should
                   be
scaling            probabilities after temperature scaling, each run's temperature fitted to its
                   validation rows
operating_points   sensitivity and specificity at operating points that were chosen on other
                   patients
decision_curves    decision curves: whether acting on a network's probabilities does more good
                   than harm
questions          the questions a clinic asks of three classes: is there a lesion, and if so
                   which
subgroups          how each network does by scanner, centre, age and whatever else is known of the
                   images
attributes         attributes of each image that form subgroups: scanner, centre, age band, size,
                   plane, marks
subgroup_test      whether a network reads one subgroup better than another, or whether chance
                   explains it
"""
