"""A headless Chromium driven over its debugging pipe, with nothing but the standard library."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
KEYS = {
    "Tab": 9,
    "Enter": 13,
    " ": 32,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "ArrowUp": 38,
    "ArrowDown": 40,
}


def installed():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page: what it logs, asks the network for and throws is kept in `log`, `asked`, `errors`.

    Messages of the DevTools protocol go through two pipes, descriptors 3 and 4 of the child, each
    ended by a NUL byte.
    """

    def __init__(self, profile):
        here, there = os.pipe(), os.pipe()
        give, take = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (here[0], there[1]))
        command = [
            installed(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions",
            "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}",
            "about:blank",
        ]  # fmt: skip
        script = f'exec "$@" 3<&{give} 4>&{take}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "browser", *command], pass_fds=(give, take),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for fd in (here[0], there[1], give, take):
            os.close(fd)
        self.write, self.read = here[1], there[0]
        self.waiting, self.numbers, self.session = b"", itertools.count(1), None
        self.log, self.asked, self.errors = [], [], []
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self):
        self.session = None
        self.send("Browser.close")
        self.process.wait(30)
        os.close(self.write)
        os.close(self.read)

    def send(self, method, **params):
        """The result of a command; events that come before it are kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != number:
            self._keep(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _receive(self, seconds=60):
        end = time.monotonic() + seconds
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.read], [], [], max(0, end - time.monotonic()))
            got = os.read(self.read, 1 << 16) if ready else b""
            if not got:
                raise RuntimeError("the browser has ended or does not answer")
            self.waiting += got
        text, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(text)

    def _keep(self, event):
        kinds = {
            "Runtime.exceptionThrown": self.errors,
            "Runtime.consoleAPICalled": self.log,
            "Log.entryAdded": self.log,
        }
        method, params = event.get("method"), event.get("params")
        if method in kinds:
            kinds[method].append(params)
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])

    def open(self, url, width=1280, height=900, dark=False):
        """Load a page in a window of this size and wait until its script has run."""
        self.size(width, height)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[theme])
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def size(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip

    def run(self, script):
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script, seconds=30):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)

    def press(self, key, times=1):
        """A real key stroke, to what has the focus."""
        what = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        text = {"Enter": "\r", " ": " "}.get(key)
        for _ in range(times):
            down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
            self.send("Input.dispatchKeyEvent", **what, **down)
            self.send("Input.dispatchKeyEvent", type="keyUp", **what)

    def type(self, text):
        self.send("Input.insertText", text=text)

    def drag(self, *points):
        """The mouse pressed at the first point, moved over the others and released."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                      clickCount=1)  # fmt: skip

    def swipe(self, *points):
        """A finger put down at the first point, moved over the others and lifted."""
        for number, (x, y) in enumerate(points):
            kind = "touchMove" if number else "touchStart"
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def picture(self):
        """The whole page as PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = size | {"scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])
