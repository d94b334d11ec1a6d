"""What a scanner would export: whole screens and DICOM files, with the truth about them."""
