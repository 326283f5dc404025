"""Use an installed Durward without its checkout: the wheel must hold all that it needs."""

import subprocess
import sys


def main() -> int:
    """Run the commands that need every packaged file."""
    durward = sys.argv[1]
    demo = ["demo", "--dir", "demo", "--base-port", "18470"]
    stop = ["demo", "stop", "--dir", "demo"]
    for arguments in (["version"], ["--help"], ["doctor"], [*demo, "--detach"], stop):
        done = subprocess.run([durward, *arguments], check=False, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            print(f"the installed `durward {' '.join(arguments)}` failed", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
