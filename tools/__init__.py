"""Programs that make what the repository shows: its site and its pictures.

site_pages        pages of the site that do not lie in ``docs/``, as hooks of MkDocs
site_docstrings   how the site's API reference reads our docstrings
phantom_pictures  the pictures of ``docs/phantom.md``
report_picture    the picture of a report on the README's first screen
"""
