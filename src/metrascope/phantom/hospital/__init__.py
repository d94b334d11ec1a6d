"""Invented exports of a department, with the truth beside them: the independent judge of ingest.

hospital        write a department's export folder, and the truth beside it
plan            the screens of a patient's visits, and the files and folders that hold them
visits          the files of one visit, and the truth about each
identities      invented people, hospitals and visits: all that an export can betray
stages          the middle of each kind of screen: fans, colors, strips, pages
shot            one screenshot and the truth about it
screen_kinds    a scanner's whole screen around a phantom's echo, and the truth about it
drawing         the screen while it is being drawn: every stroke is recorded as it is put down
fan_screen      the echo of a case on any grid of lines, and its scan conversion into any
                rectangle
strips          traces over time under a small fan: spectral Doppler and M-mode
doppler         colors laid over the echo: color and power Doppler, elastography, with their color
                bars
document_pages  screens that are no scan: a rendered surface, and the page of measurements
furniture       furniture around the fan: banner, logo, settings, grey bar, depth ruler, status line
screen_layouts  five layouts of a scanner's screen, named as the presets of
                `metrascope.phantom.scanners`
burned_text     letters as a scanner draws them: pen-stroke, bitmap and outline fonts, Latin and
                Chinese
overlays        an operator's marks in the image: calipers, results, arrows, notes, body marks
loops           cine loops: the tissue moves under the probe and the speckle renews itself, the
                screen stays
objects         DICOM files as exports have them: pixels, and texts in every corner of the file
dicom_header    the header of an ultrasound object as a scanner writes it, full of what identifies
codings         how the pixels of an export are stored: transfer syntax, photometric
                interpretation, and lies
lossless_jpeg   lossless JPEG, process 14 with selection value 1, as DICOM's transfer syntax
                ….4.70 asks
picture_files   PNG and JPEG screens with texts in all the places that the two formats have for
                them
disc            the directory of a disc: DICOMDIR (PS3.3 annex F, PS3.10 section 8)
label_tables    the spreadsheet of pathology results that comes with an export
planted         the note of everything planted that identifies, and texts to plant for every kind
                of element
truth           the truth beside an export: one line per file, masks of sectors and of identifying
                letters
"""
