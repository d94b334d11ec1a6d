"""DICOM files of ultrasound scanners: the header, the pixels of each frame, the regions.

- :mod:`~metrascope.dicom.syntaxes`: transfer syntaxes, which are read and what they are called
- :mod:`~metrascope.dicom.header`: bytes to a data set, pixel data left where they are
- :mod:`~metrascope.dicom.layout`: what the header claims about the pixels, checked
- :mod:`~metrascope.dicom.fragments`: pixel data to the bytes of each frame
- :mod:`~metrascope.dicom.streams`: what a compressed stream says about itself
- :mod:`~metrascope.dicom.codecs`: bytes of a frame to samples
- :mod:`~metrascope.dicom.grey`, :mod:`~metrascope.dicom.palette`,
  :mod:`~metrascope.dicom.color`: samples to grey or RGB as shown on the scanner's screen
- :mod:`~metrascope.dicom.frames`: all of these, frame by frame
- :mod:`~metrascope.dicom.regions`: the ultrasound regions that a header names
"""
