"""One composition root per process; the only place where things are wired."""
