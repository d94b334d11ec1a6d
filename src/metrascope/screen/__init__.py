"""One decoded screen, for ingest and predict alike: from a frame to a clean still.

exam         one file, DICOM or picture, as ingest and predict see it: its frames, panels and
             clean stills
picture      one picture file, PNG, JPEG, BMP or TIFF: its bytes to grey levels or colors
settings     settings of ``metrascope ingest``: what is kept, what is refused, what is done to
             marks
still        make a clean still of one decoded frame: sector, marks, masking, verification
sector       find the scan sector, the region of a screen that holds echo data
echo         pixels of a screen that look like echo: textured, or brighter than an even ground
edges        straight and round edges of echo, where most lines across them end
fan          the fan of a curved or phased probe: two flanks and two arcs around one center
slab         the sector of a linear probe: a rectangle, or a trapezoid or parallelogram if steered
usability    judge whether a frame is a B-mode still that a study can use, or say why it is not
arrangement  how images stand on a screen: one, several, or one above a trace over time
seam         the straight seam, or the gap, between images that stand side by side on a screen
panels       split screens whose header names the boxes of their images: cut them
coloring     color on a screen of grey echoes: flow and stiffness, as opposed to a tint of all
             greys
texture      texture of a sector: speckle, the smooth shading of a rendered surface, or letters
marks        find marks that a scanner burned into the scan sector: calipers, text, cursors, lines
ink          pixels that a scanner wrote over the echo, as opposed to the echo itself
mark_kinds   the kind of a patch of ink: caliper, line, cursor, body mark, tick or lettering
ruler        the ticks of a scale: dashes and dots at equal distances in one column or row
overprint    prints over the echo in one grey level, whatever their shape, and QR codes
watermark    whether a pattern repeats all over an image, as the tiles of a watermark do
text         read lettering in an image, Latin and Chinese, of any size, angle and contrast; mask
             it
ocr          run the two networks of the package ``rapidocr``, which find lines of lettering and
             read them
inpaint      fill masked pixels of an ultrasound image with speckle from beside them
key_frames   the frames of a cine loop that are worth keeping: sharp, and different from each
             other
"""
