"""Synthetic transvaginal ultrasound of the uterus with known truth."""
