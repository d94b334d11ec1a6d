"""One decoded screen, for ingest and predict alike: from a frame to a clean still.

exam         one file, DICOM or picture, as ingest and predict see it: its frames, panels and
             clean stills
picture      one picture file, PNG, JPEG, BMP or TIFF: its bytes to grey levels or colors
settings     settings of ``metrascope ingest``: what is kept, what is refused, what is done to
             marks
still        make a clean still of one decoded frame: sector, marks, masking, verification
sector       find the scan sector, the region of a screen that holds echo data
echo         which pixels of a screen look like echo: textured, or brighter than an even ground
edges        straight and round edges of echo, found by what most lines across them agree on
fan          the fan of a curved or phased probe: two flanks and two arcs around one center
slab         the sector of a linear probe: a rectangle, or a trapezoid or parallelogram if steered
usability    judge whether a frame is a B-mode still that a study can use, or say why it is not
arrangement  what stands where on a screen: one image, several, or an image above a trace over
             time
seam         the straight seam, or the gap, between images that stand side by side on a screen
panels       split screens whose header tells where their images are: take them apart
coloring     color on a screen of grey echoes: flow and stiffness, as opposed to a tint of all
             greys
texture      what fills a sector: speckle, the smooth shading of a rendered surface, or letters
marks        find marks that a scanner burned into the scan sector: calipers, text, cursors, lines
ink          tell pixels that a scanner wrote over the echo image from the echo itself
mark_kinds   tell what a patch of ink is: caliper, line, cursor, body mark, tick or lettering
ruler        the ticks of a scale: dashes and dots at equal distances in one column or row
overprint    find what was printed over the echo in one grey level, whatever its shape, and QR
             codes
watermark    tell whether a pattern repeats all over an image, as the tiles of a watermark do
text         read lettering in an image, Latin and Chinese, of any size, angle and contrast; mask
             it
ocr          run the two networks of the package ``rapidocr``: where lines of lettering are, what
             they say
inpaint      fill masked pixels of an ultrasound image with speckle from beside them
key_frames   the frames of a cine loop that are worth keeping: sharp, and different from each
             other
"""
