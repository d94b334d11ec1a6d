"""One DICOM file: its header, its frames as the scanner showed them, and what may be kept of it.

header          read the header of a DICOM file from its bytes and leave the pixel data where they
                are
values          values of attributes as plain text, whatever the file did to them
placeholders    fillers in a field of an identifier that mean nobody
identifiers     identifiers of an image, written one way so that a spreadsheet and a file can be
                compared
syntaxes        transfer syntaxes (PS3.5, 10 and annex A): which are read, and what the others are
                called
layout          a header's claims about its pixels, checked before any is decoded
fragments       pixel data to the bytes of each frame, native or encapsulated (PS3.5, 8 and A.4)
streams         a compressed stream's own header, read from its markers without decoding it
codecs          compressed bytes of one frame to samples, each codec loaded when a file first
                needs it
codec_process   codecs that damaged data can crash or hang, run in a process of their own
interpretation  how samples are to be read: the reading that makes a screen of them, when headers
                lie
grey            one sample a pixel to the grey that the scanner's screen showed, as one table of
                all samples
palette         palettes: index to RGB (PS3.3, C.7.6.3.1.5 and C.7.9.2)
segments        segmented palettes: discrete, linear and indirect segments to a table (PS3.3,
                C.7.9.2)
color           three samples a pixel to RGB, and a look at the picture to tell what the samples
                are
frames          the frames of a DICOM image as its scanner showed them, decoded one by one when
                asked for
regions         the ultrasound regions that a header names, those of them that can be believed
keep_list       attributes that may be kept of a data set: the whole list, as a table
vocabulary      names of scanners and probes, from a vocabulary; free text never passes
clean           a clean DICOM data set, made anew: nothing of the old one but what the list keeps
"""
