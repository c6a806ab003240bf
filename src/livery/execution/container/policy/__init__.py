"""What a plugin's code may say, read from its syntax before anything runs: three levels with closed tables.

This is a first gate that says no early and in words; the container holds what passes it.
"""
