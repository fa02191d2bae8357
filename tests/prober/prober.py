#!/usr/bin/env python3
"""A second measurer of another language, to hold Gameday's figures against. It shares no code with the testbed.

    prober.py watch --until <file>  [--edge 172.28.0] --out seen.json     beside a run; ends when the file appears
    prober.py compare .gameday/runs/<run> seen.json                       its figures beside the judge's, class by class

It asks at a steady pace through the entrance, as users do: a request is due at a fixed moment, has 2 s of patience from
then on, and is sent once more where a connection breaks before anything was answered. Twenty-four clients keep a live
stream open, ping it every 250 ms, and open it again 0.2 to 1 s after a break. Only Python's standard library is needed.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import struct
import subprocess
import time
import uuid

PATIENCE_S = 2.0
CONNECT_S = 0.25  # for one of several addresses
PING_EVERY_S = 0.25
# A frame or a pong is overdue after so long: four pings, so that a busy machine is no outage.
OVERDUE_S = 1.0
STREAMS = 24
RATE_PER_S = {"ingest": 10, "read": 10, "admin": 4, "static": 4}
SITE = "gameday.test"
USUAL = {"heart_rate_low": 45, "heart_rate_high": 130, "spo2_low": 90, "systolic_high": 180}


class Line:
    """One client with one kept connection; the next address is tried where one refuses or says nothing."""

    def __init__(self, addresses, name):
        self.addresses, self.name, self.at = addresses, name, 0
        self.open = None

    async def connect(self, over):
        refused = 0
        while refused < len(self.addresses) and time.time() < over:
            limit = over - time.time()
            if len(self.addresses) > 1:
                limit = min(limit, CONNECT_S)
            try:
                where = self.addresses[self.at]
                self.open = await asyncio.wait_for(asyncio.open_connection(*where), limit)
                return refused > 0
            except asyncio.TimeoutError:
                refused = 0 if len(self.addresses) > 1 else 1
            except OSError:
                refused += 1
            self.at = (self.at + 1) % len(self.addresses)
        raise ConnectionError("unreachable")

    def hang_up(self):
        if self.open:
            self.open[1].close()
        self.open = None

    async def exchange(self, head, body):
        """Status and body; EOFError where the connection ended before anything was answered."""
        reader, writer = self.open
        writer.write(head + body)
        line = await reader.readline()
        if not line:
            raise EOFError
        status, length = int(line.split()[1]), 0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            key, _, value = line.partition(b":")
            if key.lower() == b"content-length":
                length = int(value)
            if key.lower() == b"transfer-encoding":
                length = None
        if length is not None:
            return status, await reader.readexactly(length)
        parts = []
        while size := int((await reader.readline()).strip(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return status, b"".join(parts)

    async def ask(self, method, path, value, due):
        """Status, body and whether it took a second attempt; an exception where there was no answer in time."""
        body = b"" if value is None else json.dumps(value).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: {SITE}\r\nx-client-id: {self.name}\r\n"
        head += "content-type: application/json\r\n" if body else ""
        head = f"{head}content-length: {len(body)}\r\n\r\n".encode()
        over, again = due + PATIENCE_S, False
        for attempt in (1, 2):
            kept = self.open is not None
            try:
                if not kept:
                    again |= await self.connect(over)
                answer = self.exchange(head, body)
                return *await asyncio.wait_for(answer, max(0.0, over - time.time())), again
            except (EOFError, ConnectionResetError, BrokenPipeError) as broken:
                self.hang_up()
                if attempt == 2 or isinstance(broken, asyncio.IncompleteReadError):
                    raise
                if not kept and len(self.addresses) == 1:
                    raise
                self.at = (self.at + 1) % len(self.addresses)
                again = True
            except BaseException:
                self.hang_up()
                raise


def request_of(kind, number):
    """What is asked, and what a right answer is."""
    patient = 1 + random.randrange(2000)
    ward = 1 + (patient - 1) % 40
    match kind:
        case "ingest":
            made = str(uuid.uuid4())
            reading = {"reading_id": made, "patient_id": patient, "taken_at_ms": int(time.time() * 1000)}
            reading |= {"heart_rate": 75, "spo2": 97, "systolic": 120}
            return "POST", "/v1/vitals", reading, 202, lambda got: got["reading_id"] == made
        case "read":
            kinds = [
                (f"/v1/patients/{patient}", lambda got: got["id"] == patient and got["ward"] == ward),
                (f"/v1/patients/{patient}/vitals?limit=20", lambda got: all(r["patient_id"] == patient for r in got)),
                (f"/v1/wards/{ward}", lambda got: got["id"] == ward),
            ]
            # As users do: of 17 reads 9 are ward pages, through the CDN, 4 a patient and 4 a patient's vitals.
            path, right = kinds[(2, 0, 2, 1)[number % 17 % 4] if number % 17 < 16 else 2]
            return "GET", path, None, 200, right
        case "admin":
            return "PUT", f"/v1/patients/{patient}/thresholds", USUAL, 200, lambda got: got["id"] == patient
        case "static":
            return "GET", "/static/" + ["app.js", "style.css", "logo.svg"][number % 3], None, 200, None


async def steadily(kind, places, seen, ended):
    """One request at each tick, by clients in turn, so that a slow answer delays no later one."""
    every = 1 / RATE_PER_S[kind]
    count = int(PATIENCE_S / every) + 4
    edge = [Line(places["front"], f"prober-{kind}-{n}") for n in range(count)]
    cached = [Line(places["cdn"], f"prober-{kind}-cdn-{n}") for n in range(count)]
    begin, number, running = time.time(), 0, set()
    while not ended.is_set():
        due = begin + number * every
        await asyncio.sleep(max(0.0, due - time.time()))
        asked = request_of(kind, number)
        lines = cached if asked[1].startswith(("/static", "/v1/wards")) else edge
        task = asyncio.create_task(one(kind, lines[number % count], asked, due, seen))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
    await asyncio.gather(*running, return_exceptions=True)


async def one(kind, line, asked, due, seen):
    method, path, value, expected, right = asked
    again, why = False, None
    try:
        status, body, again = await line.ask(method, path, value, due)
        if status != expected:
            why = f"status {status}"
        elif right is None:
            why = None if body else "empty"
        elif not right(json.loads(body)):
            why = "wrong content"
    except asyncio.TimeoutError:
        why = "no answer in time"
    except Exception as error:  # whatever it is, the user had no answer
        why = type(error).__name__
    seen["requests"].append([kind, due, why is None, again, why, path])


class Stream:
    """One live stream's client: what came last, and when there was no working stream."""

    def __init__(self, number, places, seen):
        self.number, self.place, self.seen = number, places["front"][0], seen
        self.down_since = None
        self.last = None

    def heard(self):
        now = time.time()
        if self.down_since is not None:
            self.seen["gaps"].append([self.number, self.down_since, now])
            self.down_since = None
        elif self.last is not None and now - self.last > OVERDUE_S:
            self.seen["gaps"].append([self.number, self.last, now])
        self.last = now

    def broke(self):
        now = time.time()
        if self.down_since is None:
            overdue = self.last is not None and now - self.last > OVERDUE_S
            self.down_since = self.last if overdue else now

    async def follow(self, ended):
        failed = 0
        while not ended.is_set():
            try:
                await asyncio.wait_for(self.opened(), PATIENCE_S)
                failed = 0
                await self.listen(ended)
            except Exception:
                failed += 1
            self.broke()
            await asyncio.sleep(random.uniform(0.2, 1.0) * 2 ** min(3, max(0, failed - 2)))
        if self.down_since is not None and not ended.is_set():
            self.heard()

    async def opened(self):
        self.reader, self.writer = await asyncio.open_connection(*self.place)
        key = base64.b64encode(os.urandom(16)).decode()
        path = f"/v1/live?ward={1 + self.number % 40}"
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nhost: {SITE}\r\nx-client-id: prober-live-{self.number}\r\nupgrade: websocket\r\n"
            f"connection: Upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.split(b"\r\n", 1)[0])
        await self.frame()
        self.heard()

    async def frame(self):
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        text = await self.reader.readexactly(length)
        if first & 15 == 9:
            self.send(10, text)
        if first & 15 == 8:
            raise EOFError
        return text

    def send(self, code, text):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(text))
        self.writer.write(bytes([128 | code, 128 | len(text)]) + mask + masked)

    async def listen(self, ended):
        async def ping():
            while True:
                await asyncio.sleep(PING_EVERY_S)
                self.send(1, b'{"type":"ping","nonce":1}')

        pinging = asyncio.create_task(ping())
        try:
            while not ended.is_set():
                # A stream that is silent for so long is given up, as the platform's own clients do.
                await asyncio.wait_for(self.frame(), 5.0)
                self.heard()
        finally:
            pinging.cancel()
            self.writer.close()


def places_of(edge):
    return {"front": [(f"{edge}.100", 80)], "cdn": [(f"{edge}.101", 80), (f"{edge}.102", 80)]}


def edge_of_engine():
    """The first three octets of the users' network of the one topology that is up; None before there is one."""
    ask = ["docker", "network", "ls", "--format", "{{.Name}}", "--filter", "name=gameday-"]
    names = [name for name in subprocess.run(ask, capture_output=True, text=True).stdout.split() if name.endswith("_edge")]
    if not names:
        return None
    ask = ["docker", "network", "inspect", names[0], "--format", "{{(index .IPAM.Config 0).Subnet}}"]
    subnet = subprocess.run(ask, capture_output=True, text=True).stdout
    return subnet.rsplit(".", 1)[0] or None


async def watch(args):
    edge = args.edge
    while edge is None:
        edge = edge_of_engine()
        await asyncio.sleep(1)
    places = places_of(edge)
    if args.single:
        places["cdn"] = places["cdn"][:1]
    seen = {"requests": [], "gaps": [], "streams": STREAMS, "began": time.time()}
    ended = asyncio.Event()
    # Not before the platform answers: what does not exist yet can't be out.
    while True:
        try:
            await Line(places["front"], "prober").ask("GET", "/v1/patients/1", None, time.time())
            break
        except Exception:
            await asyncio.sleep(0.5)
    streams = [Stream(number, places, seen) for number in range(STREAMS)]
    work = [asyncio.create_task(steadily(kind, places, seen, ended)) for kind in RATE_PER_S]
    follow = [asyncio.create_task(stream.follow(ended)) for stream in streams]
    while not os.path.exists(args.until):
        await asyncio.sleep(0.2)
    seen["ended"] = time.time()
    ended.set()
    for task in follow:
        task.cancel()
    await asyncio.gather(*work, *follow, return_exceptions=True)
    with open(args.out, "w") as out:
        json.dump(seen, out)
    print(f"{len(seen['requests'])} requests, {len(seen['gaps'])} gaps of {STREAMS} streams: {args.out}")


def compare(args):
    entries = [json.loads(line) for line in open(f"{args.run}/timeline.jsonl")]
    zero = next(e for e in entries if e["event"] == "started")["zero_unix_ns"] / 1e9
    at = {e["event"]: zero + e["at"] / 1e9 for e in entries if e["event"] in ("load-started", "load-ended")}
    begin, end = at["load-started"], at["load-ended"]
    verdict = json.load(open(f"{args.run}/verdict.json"))
    seen = json.load(open(args.seen))
    begin = max(begin, seen["began"] + 1)
    print(f"{args.run}: {verdict['verdict']}, {end - begin:.0f} s of load seen by both")
    print(f"{'class':8}{'prober: asked':>15}{'failed':>8}{'good %':>10}{'lost s':>9}   {'judge: asked':>14}{'failed':>8}{'good %':>10}{'lost s':>9}")
    for row in verdict["classes"]:
        kind, toll = row["class"], row["toll"]
        if kind == "live":
            gaps = [(max(a, begin), min(b, end)) for _, a, b in seen["gaps"]]
            lost = sum(max(0.0, b - a) for a, b in gaps) / seen["streams"]
            print(f"{kind:8}{seen['streams']:>15}{len(gaps):>8}{'':>10}{lost:>9.2f}", end="   ")
        elif kind in RATE_PER_S:
            mine = [r for r in seen["requests"] if r[0] == kind and begin <= r[1] < end]
            bad = sum(not r[2] for r in mine)
            good = 100 * (1 - bad / max(1, len(mine)))
            print(f"{kind:8}{len(mine):>15}{bad:>8}{good:>10.4f}{bad / RATE_PER_S[kind]:>9.2f}", end="   ")
        else:
            continue
        share = 100 * (1 - toll["bad"] / max(1, toll["requests"]))
        print(f"{toll['requests']:>14}{toll['bad']:>8}{share:>10.4f}{toll['bad_second_equivalents']:>9.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("watch", help="measure beside a run")
    one.add_argument("--edge", help="first three octets of the users' network; of the topology that is up by default")
    one.add_argument("--until", required=True, help="ends when this file appears")
    one.add_argument("--single", action="store_true", help="the topology has one CDN node")
    one.add_argument("--out", required=True)
    one.set_defaults(call=lambda args: asyncio.run(watch(args)))
    two = commands.add_parser("compare", help="set the figures beside the judge's")
    two.add_argument("run")
    two.add_argument("seen")
    two.set_defaults(call=compare)
    args = parser.parse_args()
    args.call(args)


if __name__ == "__main__":
    main()
