"""What is to be learned.

- ``problem``: a problem's parts: inputs, targets, training data, held-out data.
- ``generators``: problems that are drawn: XOR on the unit square, logic gates.
- ``features``: which terms of the coordinates a network gets as inputs.
- ``table``: real data, from a CSV or Parquet file or from scikit-learn's bundled sets.
"""
