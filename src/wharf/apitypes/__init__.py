"""The Engine API's JSON, one module per section of the API, plus jsonmessage and stdcopy (framing), filters and durations. Pure."""
