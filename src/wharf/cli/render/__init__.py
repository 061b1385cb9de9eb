"""How values look: tables, sizes, durations, ports, progress. Pure, but for the progress display."""
