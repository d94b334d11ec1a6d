"""From trained runs to a bundle that reads without torch; the front door is `export.py`.

export        make a bundle of trained runs: graphs that prove themselves, and what is known of
              their data
trained       trained runs and the data that they were trained with, found from their folders
known_images  what the members of a bundle say of the images that they were trained and validated
              with
fitting       fit what a bundle knows beside its graphs: familiar features, and when to refuse
onnx_file     write a graph as an ONNX file
card          what a person must know of a bundle, in sentences: for the card in it, and after its
              export
"""
