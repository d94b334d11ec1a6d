"""What ``from metrascope import …`` gives beside what other folders define: docs/library.md.

image_dataset       a data set as PyTorch's data loaders take it, split by patient
classifier          the training of one network as an estimator of scikit-learn
training_images     images, classes and patients as an estimator is given them, prepared as a study
                    prepares them
evaluate            numbers, tables and page of predictions that are in memory or in files
prediction_sources  predictions and what is known of their images, from arrays, tables in memory
                    and files
"""
