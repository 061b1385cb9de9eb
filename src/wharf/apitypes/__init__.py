"""The Engine API's JSON, one module per section of the API, plus its framings, filters and durations. Pure."""
