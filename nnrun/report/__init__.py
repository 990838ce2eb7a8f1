"""From a sweep's tables to its report.

Statistics, which load no drawing library:

- ``survival``: censored times to target: Kaplan-Meier, restricted mean; Wilson's interval.
- ``quantiles``: quantiles in which a failure is infinitely slow.
- ``bands``: learning curves as median and quartiles over seeds.
- ``summary``: one row a setting, and which settings a panel has room for.
- ``findings``: all of these together: what a report is made of.

Words:

- ``words``: numbers and names as people write them.
- ``targets``: what counts as converged.
- ``verdict``: what was found, in sentences, and what these must not be taken for.
- ``captions``: a caption for each figure and for the table.
- ``limits``: what a reader must know before leaning on the numbers.
- ``jobs``: jobs that failed or are missing, and what that leaves of the sweep.
- ``provenance``: where the numbers come from.

Figures, axis in and axis out:

- ``styles``: the palette, the style sheet, a colour and a dash pattern for each setting.
- ``axes``: scales and ticks.
- ``labels``: names of lines, beside their ends or in a legend.
- ``figures``: learning curves and times to target.
- ``canvas``: from a drawing function to a figure, SVG and PNG.

The page:

- ``pictures``: the figures that the findings can fill, as files and inside the page.
- ``rows``: the settings that the page's table has room for.
- ``page``: report.html, from ``template.html.j2`` and ``style.css.j2``.
"""
