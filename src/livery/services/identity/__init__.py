"""Who calls: tokens, principals, workspaces."""
