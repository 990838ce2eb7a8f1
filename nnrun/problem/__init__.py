"""What is to be learned.

- ``problem``: a problem's parts: inputs, targets, training data, held-out data.
- ``generators``: all problems that are drawn or listed: ``squares``, ``rounds``, ``spirals``,
  ``patterns`` and ``surfaces``; what they share is in ``drawn``, ``noise`` and ``balance``.
- ``features``: what a network gets as inputs: ``terms`` and ``expansions`` of the problem's own.
- ``soundness``: whether anybody's data are what they say.
- ``table``: real data, from a CSV or Parquet file or from scikit-learn's bundled sets.
"""
