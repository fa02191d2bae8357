"""For how long does a quorum queue confirm nothing when the broker that leads it dies, stands still, or is starved?

    gameday up ha && python3 chaos/experiments/queue-leader.py [ROUNDS]     (needs pika: apt install python3-pika)

Each round has a queue of its own. One broker leads it, and another is told one message after the other, each once the last is
confirmed: the one that waits longest shows how long the queue had no leader. Then the leader is killed or paused. In the last kind of
round all api servers keep the processors busy instead, and a queue that another broker leads after it changed for nothing.
"""
import base64
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import pika

STRIKES = {
    "kill": ("kill", None, "4s"),
    "pause": ("pause", None, "4s"),
    "busy": ("burn = { threads = 4 }", 'all = { component = "api" }', "15s"),
}
# From one confirmed message to the next, s: short beside what is measured, and little work.
PAUSE_S = 0.005
# A broker tells another one's leadership from statistics that are this old at most, s.
STATISTICS_S = 6


def docker(*arguments):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


class Broker:
    """A member of the topology, and how to ask it."""

    def __init__(self, container):
        told = json.loads(docker("inspect", container))[0]
        environment = dict(entry.split("=", 1) for entry in told["Config"]["Env"])
        networks = told["NetworkSettings"]["Networks"]
        self.address = next(of["IPAddress"] for name, of in networks.items() if name.endswith("data"))
        self.name = told["Config"]["Labels"]["com.docker.compose.service"]
        self.secret = environment["GAMEDAY_PASSWORD"]

    def connect(self):
        credentials = pika.PlainCredentials("gameday", self.secret)
        return pika.BlockingConnection(pika.ConnectionParameters(self.address, credentials=credentials, heartbeat=0))

    def ask(self, path):
        request = urllib.request.Request(f"http://{self.address}:15672/api/{path}")
        secret = base64.b64encode(f"gameday:{self.secret}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def leader_of(self, queue):
        return self.ask(f"queues/%2F/{queue}").get("leader", "").removeprefix("rabbit@")

    def sees_all(self):
        try:
            nodes = self.ask("nodes")
        except OSError:
            return False
        return len(nodes) == 3 and all(node["running"] for node in nodes)


def all_brokers():
    found = docker("ps", "--format", "{{.Names}}", "--filter", "label=gameday.component=rabbitmq").split()
    if len(found) != 3:
        sys.exit(f"{len(found)} brokers instead of 3: is `gameday up ha` running, and nothing beside it?")
    return sorted((Broker(container) for container in found), key=lambda broker: broker.name)


def wait_until_whole(brokers):
    until = time.monotonic() + 90
    while not all(broker.sees_all() for broker in brokers):
        if time.monotonic() > until:
            sys.exit("the brokers are not whole within 90 s")
        time.sleep(0.5)


class Publisher(threading.Thread):
    """Publishes until it is told to stop; remembers how long the slowest message took, and how many were refused."""

    def __init__(self, broker, queue):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.slowest_s, self.confirmed, self.refused = 0.0, 0, 0
        self.queue, self.connection = queue, broker.connect()
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()

    def run(self):
        durable = pika.BasicProperties(delivery_mode=2)
        while not self.over.is_set():
            began = time.monotonic()
            try:
                self.channel.basic_publish("", self.queue, b"x", durable, mandatory=True)
                self.confirmed += 1
            except (pika.exceptions.NackError, pika.exceptions.UnroutableError):
                self.refused += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.over.wait(PAUSE_S)
        self.connection.close()


def one_round(brokers, strike, number):
    fault, target, held = STRIKES[strike]
    leader, other = brokers[number % 3], brokers[(number + 1) % 3]
    queue = f"experiment-{strike}-{number}"
    control = leader.connect()
    arguments = {"x-queue-type": "quorum", "x-queue-leader-locator": "client-local"}
    control.channel().queue_declare(queue, durable=True, arguments=arguments)
    control.close()
    if leader.leader_of(queue) != leader.name:
        sys.exit(f"{queue} is not led by {leader.name}")
    publisher = Publisher(other, queue)
    publisher.start()
    injected = subprocess.run(["gameday", "inject", fault, "--on", target or leader.name, "--for", held],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if injected.returncode != 0:
        sys.exit(f"{strike} was not proven, or not healed:\n{injected.stdout}")
    wait_until_whole(brokers)
    time.sleep(STATISTICS_S)
    publisher.over.set()
    publisher.join()
    moved = other.leader_of(queue) != leader.name
    cleaning = other.connect()
    cleaning.channel().queue_delete(queue)
    cleaning.close()
    return publisher, moved


def main(rounds):
    brokers = all_brokers()
    wait_until_whole(brokers)
    for strike in STRIKES:
        results = []
        for number in range(rounds):
            results.append(one_round(brokers, strike, number))
            print(f"{strike} {number + 1} of {rounds}: {results[-1][0].slowest_s:.2f} s", file=sys.stderr, flush=True)
        slowest = sorted(publisher.slowest_s for publisher, _ in results)
        print(f"{strike}: the slowest of a round's messages took {statistics.median(slowest):.2f} s "
              f"({slowest[0]:.2f} to {slowest[-1]:.2f}); the leader changed in {sum(moved for _, moved in results)} of {rounds}; "
              f"{sum(one.confirmed for one, _ in results)} confirmed, {sum(one.refused for one, _ in results)} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
