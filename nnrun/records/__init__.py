"""What is kept on disk: each kind of file with its only reader and writer.

- ``plain``: a file is opened, and JSON in it held against the fields that it must have.
- ``archive``: arrays in .npz archives, held against the shapes that they must have.
- ``lock``: who writes into a folder.
- ``trials``: trained trials of one setting.
- ``record``: record.npz, what a job of a sweep has found.
- ``networks``: networks in files, whatever wrote them; ``saved``: first parameters from these.
- ``continued``: training that goes on from a record.
- ``sweep``: sweep.json, all about a sweep; ``labels``: what each of its settings is called.
"""
