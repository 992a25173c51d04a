"""No download without TLS: whatever a library asks for, plain http is refused in this process."""

import importlib
import urllib.error
import urllib.request
from urllib.parse import urlsplit

OURSELVES = ("127.0.0.1", "localhost", "::1")  # this machine, where nobody listens on the way


def only():
    """Let urllib, and the pools of openml's requests, open https addresses alone."""
    urllib.request.install_opener(urllib.request.build_opener(_NoHttp))
    pools = importlib.import_module("urllib3.poolmanager").pool_classes_by_scheme
    plain = pools["http"]
    pools["http"] = lambda host, *rest, **others: _allowed(host) and plain(host, *rest, **others)


def instead(address: str) -> str:
    """The https address of what lies at an http one; S3 gives a website's files by https too."""
    if urlsplit(address).hostname in OURSELVES:
        return address
    return address.replace("http://", "https://", 1).replace(".s3-website.", ".s3.", 1)


def _allowed(host):
    if host not in OURSELVES:
        raise urllib.error.URLError("plain http is not used")
    return True


class _NoHttp(urllib.request.HTTPHandler):
    """Takes the place of urllib's handler of http, redirects to it included."""

    def http_open(self, request):
        _allowed(urlsplit(request.full_url).hostname)
        return super().http_open(request)
