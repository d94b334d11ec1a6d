"""Images and labels: manifest, split, pixel store, preprocessing, augmentation."""
