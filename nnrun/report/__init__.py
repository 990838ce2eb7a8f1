"""From what a sweep found to its report.

Words:

- ``verdict``: what was found, in sentences, and what these must not be taken for.
- ``captions``: a caption for each figure and for the table.
- ``limits``: what a reader must know before leaning on the numbers.
- ``jobs``: jobs that failed or are missing, and what that leaves of the sweep.
- ``provenance``: where the numbers come from.

The page:

- ``pictures``: the figures that the findings can fill, as files and inside the page.
- ``rows``: the settings that the page's table has room for.
- ``page``: report.html, from ``template.html.j2`` and ``style.css.j2``.
"""
