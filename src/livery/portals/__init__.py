"""Browser doors: what a person sees, through the typed client only; session cookies only."""
