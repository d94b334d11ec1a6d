"""What the tests of bundles share with those of reading."""

from tests.predict.conftest import bundle, images, own_cache

__all__ = ["bundle", "images", "own_cache"]
