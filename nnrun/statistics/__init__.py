"""From a sweep's records to what it found; loads no drawing library.

- ``tabulate``: records to the tables on disk, and to findings.
- ``findings``: all that was found: what a report is made of.
- ``targets``: what counts as converged.
- ``survival``: censored times to target: Kaplan-Meier, restricted mean; Wilson's interval.
- ``quantiles``: quantiles in which a failure is infinitely slow.
- ``bands``: learning curves as median and quartiles over seeds.
- ``summary``: one row a setting, and which settings a panel has room for.
"""
