"""From a sweep's records to what it found; loads no drawing library.

- ``tabulate``: records to the tables on disk, and to findings.
- ``findings``: all that was found: what a report is made of.
- ``targets``: what counts as converged.
- ``survival``: censored times to target: Kaplan-Meier, restricted mean; Wilson's interval.
- ``quantiles``: quantiles in which a failure is infinitely slow.
- ``bands``: learning curves as median and quartiles over seeds.
- ``summary``: one row a setting, and which settings a panel has room for.
- ``running_time``, ``middle``: expected running time; interquartile mean.
- ``ladder``, ``profile``: times to many targets at once, and how much of them is solved by when.
- ``target_times``: times to one accuracy after the other.

What differs, and how surely:

- ``factors``: what varies, as factors with levels, and as blocks of a grid.
- ``resampling``, ``distributions``: the bootstrap over seeds; quantiles and tails.
- ``logrank``, ``swaps``, ``multiplicity``: tests, and Holm's correction.
- ``pairs``, ``paired``, ``contrasts``: what is compared, how far apart, and the verdict.
- ``sensitivity``: the same under other targets, budgets and numbers of seeds.
- ``effects``: what the differences go with.
- ``simulated``, ``calibration``: made-up sweeps of known truth, and a command that checks on them.
"""
