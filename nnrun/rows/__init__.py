"""Numbers to come: what is written for NumPy's arrays, recorded and computed elsewhere.

- ``trace``: rows, which record what is done to them, and NumPy's computation of a record.
- ``functions``: exp, log, sin and the like of rows, and random words.
- ``draws``: a trial's random numbers, sample by sample, the same wherever they are computed.
- ``streams``: the samples that a component draws with them.
"""
