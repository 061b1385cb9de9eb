"""Blobs by digest: compressed layers, configs and manifests, each verified before it becomes visible.

On disk: blobs/sha256/HEX (complete) and ingest/HEX (begun). Nothing is counted: what no root reaches is removed.
"""
