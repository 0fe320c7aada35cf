"""Report pages, figures and tables."""
