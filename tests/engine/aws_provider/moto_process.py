"""moto in a process of its own, which ends with whoever started it: ``-m`` this module.

Says its address on standard output once it answers, and serves until standard input ends.
"""

import os
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve on a free loopback port."""
    # The roles of EKS are attached to AWS's own policies, which are only there on demand.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
