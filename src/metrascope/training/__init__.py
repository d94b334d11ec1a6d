"""One run: train one network on one fold with one seed; the loop is in `loop.py`.

run          one run: one network, fold and seed; what it shares with the others, and its data
execute      carry out a run: train its network, or go on with it, and leave its files
loop         train one network: the loop, from random numbers to weights, read from top to bottom
step         one step of training: a batch forward and backward, and the weights moved
batches      the images and labels of a run, and batches of them on the network's device
augment      the random part of training: crop, flips, rotation and affine as one resampling per
             batch
schedule     the learning rate of every step, as a pure function
precision    the arithmetic in which a network trains: 32 bits, or bfloat16 where it is measured
             to be faster
distributed  several processes of one run: shared buffers, means, and reading in turns
outputs      the files of a trained network: predictions, heat maps, answers to altered images,
             model, resources
"""
