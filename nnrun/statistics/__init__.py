"""From a sweep's records to what it found; loads no drawing library.

- ``survival``: what counts as converged, and censored times to it: Kaplan-Meier, restricted mean,
  expected running time.
- ``quantiles``: quantiles and interquartile means in which a failure is infinitely slow.
- ``curves``: learning curves as median and quartiles over seeds; times to accuracies.
- ``summary``: one row a setting, and which settings a panel has room for.
- ``ladder``: times to many targets at once, and how much of them is solved by when.

What differs, and how surely:

- ``factors``: what varies, as factors with levels, and as blocks of a grid.
- ``resampling``: the bootstrap over seeds; ``bounded``: intervals where it has little to draw.
- ``hypothesis_tests``: log-rank, swaps within seeds, order, interaction, Holm's correction.
- ``sequences``: tests and intervals that hold however often results are looked at.
- ``pairs``: what is compared; ``measures``: how far apart it is.
- ``unpaired``: the same of groups of trials, where the same seed in two settings means nothing.
- ``findings``: what kind of finding that is.
- ``contrasts``: both, for all that a sweep varied.
- ``looks``: what they came to each time that results were looked at.
- ``racing``: which of several choices may still be the best.
- ``sensitivity``: the same under other targets, budgets and numbers of seeds.
- ``effects``: what the differences go with.
- ``drawn_sweeps``: made-up sweeps; ``stopping``: those that are looked at again and again.
- ``calibration``: made-up sweeps of known truth, and a command that checks on them; ``worlds``:
  those in which it is the kind of finding that is known.
"""
