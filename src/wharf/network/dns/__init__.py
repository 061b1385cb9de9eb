"""The resolver at 127.0.0.11 in the containers of user-defined networks.

Its sockets are in the container's network namespace and are wharfd's: they end with it, and the next wharfd opens new
ones. The wire format is dnspython's, which is loaded with the first question.
"""
