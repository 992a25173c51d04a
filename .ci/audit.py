"""Known vulnerabilities of the pinned packages, in words: python .ci/audit.py PIP_AUDIT [OPTION...]

Exit status 3 where a vulnerability is known, 0 where none is, or where nothing could be looked up.
"""

import json
import subprocess
import sys

OPTIONS = ("--disable-pip", "--no-deps", "--requirement", "requirements.lock")
UNREACHED = "the database of vulnerabilities cannot be reached: nothing was audited"
SECONDS = 240  # for all of it
KNOWN = 3  # the exit status; 1 and 2 are Python's own


def main(command: list[str]) -> int:
    """Run pip-audit and say what it found."""
    try:
        done = subprocess.run(
            [*command, *OPTIONS, "--format=json", "--progress-spinner=off", "--timeout=10"],
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        said, status = verdict(json.loads(done.stdout)["dependencies"])
    except (OSError, subprocess.TimeoutExpired) as error:  # no pip-audit, or no end of it
        said, status = f"{UNREACHED} ({error})", 0
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        said, status = f"{UNREACHED} ({last[:200]})", 0
    print(said)
    return status


def verdict(packages: list[dict]) -> tuple[str, int]:
    """What is said of pip-audit's list of packages, and the exit status."""
    looked_up = [package for package in packages if "vulns" in package]
    skipped = [package["name"] for package in packages if "vulns" not in package]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found.get('fix_versions', [])) or 'no version yet'}"
        for package in looked_up
        for found in package["vulns"]
    ]
    if not looked_up:
        return UNREACHED, 0
    if skipped:
        lines.append(f"not in the database: {', '.join(skipped)}")
    known = sum(len(package["vulns"]) for package in looked_up)
    lines.append(f"{len(looked_up)} packages audited, {known} known vulnerabilities")
    return "\n".join(lines), KNOWN if known else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
