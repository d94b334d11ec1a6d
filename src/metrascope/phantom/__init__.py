"""Synthetic transvaginal ultrasound with known truth; the front door is `phantom.py`.

phantom         write a phantom data set: images, lesion masks, sector masks, manifest
anatomy         one patient's uterus, lesion and surroundings, no pixels yet
uterus          the uterus and its endometrium: size, position and appearance, in millimeters
lesions         polyps and submucosal fibroids, in the frame of the uterus and in millimeters
shapes          implicit shapes in millimeters: signed distances, negative inside
tissue          echo level, attenuation and interfaces that the beam meets at every sample of the
                grid
acoustics       from tissue to the envelope of the echo, on the grid of scan lines
render          one patient's image: draw the anatomy, send the beam through it, put it on the
                screen
scanners        five scanner presets, named for the scanners of the study (its section on
                equipment)
phantom_screen  the screen: grey levels, the fan, and the furniture around it
"""
