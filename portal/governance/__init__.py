"""The floor everything stands on: who, when, in what state, by whose word. It knows no app above it."""
