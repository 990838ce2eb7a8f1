"""From what a sweep found to its report.

Words:

- ``verdict``: what was found, in sentences, and what these must not be taken for.
- ``captions``: a caption for each figure and for the table.
- ``limits``: what a reader must know before leaning on the numbers.
- ``tables``: the rows of the page's tables: settings, jobs that failed or are missing, provenance.

The page:

- ``figures``: the figures that the results can fill, as files and inside the page.
- ``sections``: what follows the first screen.
- ``page``: report.html and report.md, from ``templates/``.
- ``markup``: Markdown text that stays text, and SVG in the colours of the page.
- ``write``: all files of a report; ``second_process``: some of them made beside the others.
- ``study``, ``study_language``: a study's page, from its own template.
- ``index``: index.html over all sweeps and runs.
- ``__main__``: ``python -m nnrun.report PATH [PATH ...]``.
"""
