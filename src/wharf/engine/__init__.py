"""The engine: combines the primitives below it and owns the records. It knows no HTTP."""
