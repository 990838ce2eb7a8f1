"""Values chosen for each job of a sweep before it is trained: ``tuning``."""
