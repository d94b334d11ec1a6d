"""Where images come from: files and folders, archives and discs.

search      find every image file under a folder, in zip archives too, and say why others are none
archive     read zip archives member by member, never to disk, and refuse what would fill the
            memory
signatures  tell what a file is by its first bytes: names and extensions of exports mean little
dicomdir    the directory of a DICOM medium (DICOMDIR): which files it names that are not there
"""
