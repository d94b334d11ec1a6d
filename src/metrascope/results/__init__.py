"""From numbers to the cells and sentences of tables, pages and documents.

estimate              a number with its 95 % interval, as every output prints it
notation              how numbers are written in tables, sentences and on pages, in any language
                      alike
units                 what is counted: patients, or patients by class where some have images of
                      two classes
tables                the tables of a study, from the content of ``metrics.json``, as CSV and
                      LaTeX
statistic_tables      the tables that a reviewer asks for, from the content of ``metrics.json``:
                      one list for all
calibration_tables    tables of calibration and operating points, from the content of
                      ``metrics.json``
explanation_tables    tables of heat maps against lesions, of shortcuts and of what the features
                      sort by
latex                 A table as LaTeX with booktabs rules
findings              what calibration, decision curves and subgroups come to, in plain sentences
ranking               which networks can be told apart, and what luck may have done, in plain
                      sentences
explanation_findings  what heat maps and shortcuts come to, in plain sentences
"""
