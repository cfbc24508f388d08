"""How loud clips are: counted once, no training."""

from sepflow.tasks.declaration import Declaration, Part

DECLARED = Declaration(parts={"data": Part(speakers=1)}, separates=False, made=True)
