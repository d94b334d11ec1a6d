"""The eight networks: architectures, heads, weights, and trained networks on disk.

architectures  the table of the eight networks: torchvision's builders, and where their last map
               comes from
networks       the eight networks of the study, torchvision's, with the study's pooling and head
weights        read weight files, check them, and copy them into a network
checkpoint     a trained network on disk, and a training that was interrupted
"""
