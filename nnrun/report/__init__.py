"""From what a sweep found to its report.

Words:

- ``verdict``: what was found, in sentences, and what these must not be taken for.
- ``looked``: what is told where results were looked at more than once.
- ``sentences``: what a contrast came to, in plain words and exactly.
- ``tuning``: what was tried and chosen for each arm.
- ``captions``: a caption for each figure and for the table.
- ``ends``: which settings are best at the end, beside soonest.
- ``methods``: what was done, as a paper tells it; ``design``: what was varied and tuned.
- ``glossary``: the page's technical words, what they mean, and links to them.
- ``tables``: the rows of the page's tables: settings, jobs that failed or are missing, provenance.

The page:

- ``figures``: the figures that the results can fill, as files and inside the page.
- ``sections``: what follows the first screen, and what a reader must know before leaning on it.
- ``page``: all files of a report: report.html and report.md, from ``templates/``, and the others.
- ``second_process``: work that is shared with a second process.
- ``study``, ``study_language``: a study's page, from its own template.
- ``index``: index.html over all sweeps and runs.
- ``__main__``: ``python -m nnrun.report PATH [PATH ...]``.
"""
