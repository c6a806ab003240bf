"""Built-in skills, written as a stranger would write them: authoring only."""
