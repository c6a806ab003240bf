"""Agent session logs: found, read, reduced to facts and handed to the server.

`discovery` finds files, `reader` turns their new bytes into facts (`claude_code` and `codex` are
plugins behind `formats.LogFormat`), `segments` packs facts, `upload` streams them, `report` shapes
what `livery digest` prints. Prompt text, file contents and tool output never leave the machine.
"""
