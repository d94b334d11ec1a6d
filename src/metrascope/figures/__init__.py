"""Figures, all with matplotlib; `evaluation.py` makes those of an evaluation.

evaluation    everything that is made from predictions: ``metrics.json``, tables and figures
recipes       which figures a study's numbers give, by name: each a call that any process can make
canvas        size, style and files of every figure
fonts         A font with Chinese characters, and the language that figures can be lettered in
comparison    macro F1 of all networks beside what the study published
confusion     confusion matrices of all networks, the study's Fig. 2
learning_curves learning curves: loss, validation macro F1 and the learning rate of every step
roc           ROC curves of every class and of their macro average, with areas, intervals and
              bands
decision      decision curves: the net benefit of acting on each network
embedding     t-SNE maps of all networks, the study's Fig. 4
explanations  measured heat maps and shortcuts: by lesion size, deletion and insertion, changed
              images
forest        forest plot: how a network does in every subgroup
gradcam       heat maps of all networks for one case of each class, the study's Fig. 3
reliability   reliability diagrams: what networks claim against what is so
"""
