"""The `wharf` command.

A table names every verb and the module that runs it; only that module is imported, because the user feels every
millisecond of start-up. `commands/` holds one module per verb, `render/` what is drawn, `template/` the language of
`--format`. Nothing here knows the daemon's rooms: all goes through `wharf.client`. It keeps nothing on disk but
`~/.docker/config.json`, when `login` and `logout` are told to.
"""
