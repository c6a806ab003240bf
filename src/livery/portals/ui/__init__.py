"""The look that all portals share: templates, components, formats, charts, and the shield."""
