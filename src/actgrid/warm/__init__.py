"""Runs of one workflow forked from one process that has torch loaded; see client and server."""
