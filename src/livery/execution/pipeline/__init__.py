"""The pipeline runtime: steps of declared operators, no code."""
