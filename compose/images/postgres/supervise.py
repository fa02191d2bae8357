"""PID 1: keeps Patroni running as a child, and alive again within a tenth of a second when it dies.

Python needs about a second to load Patroni, and by then HAProxy's checks have cut the connections to a primary
that never stopped. So the modules are loaded once, here, and every Patroni is a fork. A Postgres whose Patroni died
lives on and is adopted by the next one. When Postgres dies, the container and its address stay, so that the other
members' questions are refused at once instead of running into a timeout.

The child's process name is `patroni`, so that it can be told from this process.
"""
import os
import signal
import sys
import time


def load():
    """Imports everything that Patroni would otherwise import while it starts."""
    import patroni.api
    import patroni.dcs.etcd3
    import patroni.ha
    import patroni.postgresql
    import patroni.watchdog
    import psycopg2
    from patroni.__main__ import main
    return main


def start(main):
    """Forks a Patroni and returns its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with open("/proc/self/comm", "w") as name:
            name.write("patroni")
        main()
        status = 0
    finally:
        os._exit(status)


def supervise(main):
    """Restarts Patroni until SIGTERM; reaps whatever the dead leave behind."""
    stopping = False
    child = start(main)

    def stop(_signal, _frame):
        nonlocal stopping
        stopping = True
        os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        ended, status = os.wait()
        if ended != child:
            continue
        if stopping:
            sys.exit(0)
        print(f"supervise: patroni ended with status {status}, starting it again", file=sys.stderr, flush=True)
        time.sleep(0.05)
        child = start(main)


if __name__ == "__main__":
    supervise(load())
