"""All runs of one question, and what comes of them; the front door is `study.py`.

study         A study: every run of one question, resumable, and what comes of them
split_choice  the split of a study: drawn so that nothing leaks, or given and checked
runs          what carries out the runs of a study: this machine, side by side, or a cluster of
              machines
summary       what comes of a study's runs: predictions, maps, numbers, tables, figures and the
              report
embedding_layouts the t-SNE maps of a study's runs, made by several processes and kept in its
              ``layouts/``
embeddings    the features of a study's networks, laid out in two dimensions: ``embeddings.csv``
explanation_runs what the files of a study's runs say of heat maps and shortcuts, network by network
cases         pictures of the images that a report shows, kept with the study
external      the external test: trained networks read a data set that they have never seen
"""
