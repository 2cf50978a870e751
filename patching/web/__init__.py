"""HTML pages of the flow."""
