"""The demo company: loaded only with DEMO=1, refused in production."""
