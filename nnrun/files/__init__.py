"""Files, whoever wrote them: read with care, and written whole or not at all.

- ``atomic``: files written under another name and renamed.
- ``lock``: who writes into a folder.
- ``reading``: opening a file, and saying in one sentence what is wrong with it.
- ``plain``: JSON in files, held against the fields that it must have.
- ``archive``: arrays in .npz archives, held against the shapes that they must have.
- ``record``: record.npz, what a job of a sweep has found.
- ``sweep``: sweep.json, what a sweep is and how it ended.
"""
