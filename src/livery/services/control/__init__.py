"""Control: kill switches, pause and resume. What is stopped stops at the next call, everywhere."""
