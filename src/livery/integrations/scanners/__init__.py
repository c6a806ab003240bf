"""Scanners of packages: `bandit` in this process, others as processes of their own that print SARIF."""
