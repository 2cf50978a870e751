"""The flow, read in order: workflow → desired → plan → push → aws, and back: aws → pull → posture."""
