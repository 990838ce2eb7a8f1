"""What a sweep found.

- ``tabulate``: from records to tables.
- ``scores``: what final networks are worth besides loss and accuracy.
- ``typical``: the trial that stands for a setting, and the worst ones.
- ``listing``: a row a setting, in words.
- ``results``: tables and all that is computed from them; read back from a sweep's folder.
"""
