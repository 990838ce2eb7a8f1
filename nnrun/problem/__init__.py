"""What is to be learned.

- ``problem``: a problem's parts: inputs, targets, training data, held-out data.
- ``generators``: all problems that are drawn or listed: ``squares``, ``rounds``, ``spirals``,
  ``patterns`` and ``surfaces``; what they share is in ``drawn``, ``noise`` and ``balance``.
- ``features``: what a network gets as inputs: ``terms`` and ``expansions`` of the problem's own.
- ``soundness``: whether anybody's data are what they say.
- ``table``, ``bundled``: real data, from a file or from scikit-learn.
- ``files``, ``cells``: cells as they stand in a file, and what they mean; ``flaws``,
  ``lookalikes``: what could be misread, and is refused; ``understood``: what the user is told.
- ``columns``, ``encoding``, ``encoder``: from columns to inputs and targets.
"""
