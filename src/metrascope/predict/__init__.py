"""From the bytes of a file to a reading, without torch; the front door is `predict.py`.

predict          read whatever is in files and folders, however many, and go on where a kill
                 stopped it
predictor        the one way from the bytes of a file to a reading
inputs           what a user gave to be read: files, folders and archives, each image under a name
                 of its own
memory_images    images that a program holds in memory, arrays and pydicom data sets, as the bytes
                 of a file
crops            the images of an exam that networks read: which frames, and the crop to the
                 sector of each
bundle           A bundle on disk: the files that a reading needs, and nothing that could do
                 something else
onnx_check       look into an ONNX file without loading it: what would open other files, or never
                 end
array_files      read an array that may come from anybody: no header is evaluated, no size is
                 believed
runtime          what runs a graph: OpenVINO or ONNX Runtime, whichever is faster on this
                 processor
torch_runtime    read with the network of a run as PyTorch has it, without an export
graph            A trained network as one graph from 8-bit pixels to probabilities, heat maps and
                 features
resize           bring an image of any size to the network's square, as plain matrix products
ensemble         the members of a bundle, or the network of a run, as one reader of crops
familiarity      how far a case is from what a network was trained on, by the network's features
appearance       what an image looks like, without a network: grey levels, detail at five scales,
                 directions
neighbors        training images that the networks see much as they see a case; only where a
                 bundle has them
conformal        prediction sets: every class that the validation patients do not rule out for a
                 case
refusal          when a bundle says that it cannot read a case, and why
reading          what a reading says: of an image, and of a patient. The published form of all
                 output
patient          the reading of a patient, or of a loop: a mean where her images agree, else their
                 contradiction
unidentified     image files that say no patient, and whose folder they lie in
task             one file, read whole: what a process does, here or on another machine
journal          what became of every file so far, on disk: a kill loses nothing, and memory stays
                 small
output           write readings: for people, for spreadsheets or for programs
listing          readings for the terminal: an image to the left, in words to the right what was
                 read
spreadsheet      readings as a table that people open in a spreadsheet: CSV as Excel takes it, two
                 languages
reading_picture  the picture of a reading: the image as it was read, and where the network looked,
                 with scale
lettering        letters in pictures without matplotlib: Latin always, Chinese where the system
                 has a font
"""
