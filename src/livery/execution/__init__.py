"""Runs admitted work. The only code that runs skills."""
