"""PID 1: keeps Patroni running as a child, and alive again within a tenth of a second when it dies.

Python needs about a second to load Patroni, and by then HAProxy's checks have cut the connections to a primary
that never stopped. So the modules are loaded once, here, and every Patroni is a fork. A Postgres whose Patroni died
lives on and is adopted by the next one. When Postgres dies, the container and its address stay, so that the other
members' questions are refused at once instead of running into a timeout.

The child's process name is `patroni`, so that it can be told from this process. With FAST_FAILOVER=on there is a second
child, `fence` (see fence.py), which is started again after a second; without it nothing of it is even loaded.
"""
import os
import signal
import sys
import time

FENCE_PAUSE_S = 1.0


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


def load_fence(configuration):
    """Has Patroni ask the observer before it promotes, and returns the observer."""
    import fence
    import yaml
    with open(configuration) as file:
        settings = yaml.safe_load(file)
    settings["postgresql"]["pre_promote"] = "/bin/bash /usr/local/bin/may-promote.sh"
    with open(configuration, "w") as file:
        yaml.safe_dump(settings, file)
    return fence.main


def patroni_pause_s():
    """How long a dead Patroni stays away. With half a minute the server of a primary may die, too, and nothing of it comes
    back before another member leads, although its container and its address live on."""
    return float(os.environ.get("PATRONI_PAUSE_S", "0.05"))


def start(name, main, pause_s=0.0):
    """Forks a child that runs `main` after a pause, and returns its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write(name)
        time.sleep(pause_s)
        main()
        status = 0
    finally:
        os._exit(status)


def supervise(main, observe=None):
    """Restarts Patroni and the observer until SIGTERM; reaps whatever the dead leave behind."""
    stopping = False
    child = start("patroni", main)
    observer = start("fence", observe) if observe else None

    def stop(_signal, _frame):
        nonlocal stopping
        stopping = True
        os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        ended, status = os.wait()
        if ended == observer and not stopping:
            print(f"supervise: the observer ended with status {status}", file=sys.stderr, flush=True)
            observer = start("fence", observe, FENCE_PAUSE_S)
        if ended != child:
            continue
        if stopping:
            sys.exit(0)
        print(f"supervise: patroni ended with status {status}, starting it again", file=sys.stderr, flush=True)
        child = start("patroni", main, patroni_pause_s())


if __name__ == "__main__":
    is_fast = os.environ.get("FAST_FAILOVER") == "on"
    supervise(load(), load_fence(sys.argv[1]) if is_fast else None)
