"""An experiment: replaces a dead primary before its lease has run out. Off unless FAST_FAILOVER=on.

Patroni's shortest lease is 20 s. One observer beside each Patroni asks the leader for a sign of life; when two of three
have heard nothing for 1.5 s and both load balancers have given it up, one of them revokes its lease, and
Patroni elects as it always does. It decides nothing but when the lease ends, and these must hold:

1. A lease is revoked only while two members, none of them the suspect, have each looked all the time and heard neither
   Patroni nor Postgres. Who slept, starved or started again begins at 0 s.
2. It is revoked only while BOTH load balancers say that the server is down, which has cut its clients off: there is no other
   way to Postgres. One that can't be reached has not fenced anything; a partition looks just like its death.
3. Only the lease that was read with the suspect's key is revoked, and only after a transaction has compared the key's
   value, lease and revision with what was judged. A leader that renewed under another lease loses nothing; one that lives
   under this lease answers the candidates, which then do not promote, and takes its key back.
4. It is revoked only while the primary needs a confirmation, and all who may confirm have voted: cut off, it commits nothing.
5. Who has won the key after a revocation promotes only after every other replica has left the old primary and is not
   ahead (`may_promote`, Patroni's `pre_promote`). Patroni counts its votes before that, and a primary that was
   frozen goes on where it was: without this, a replica that already voted could confirm what the new one never gets.
   The revocation is announced before it is done, in the same transaction as 3, so no candidate can miss it.
6. A primary that learns that somebody else has the key is stopped, with its Patroni, by the observer beside it. Patroni does so
   itself unless its loop hangs, as it did until 13 s after a partition that had cut it off from its own Postgres, too. Until its lease
   would have run out it goes on calling itself the primary, so the load balancers take it back.
7. Whatever can't be read, reached or parsed is an objection. Without an act of ours, Patroni's own lease decides.

Opinions are published by each observer over HTTP (:8009) and not in etcd: an opinion is then as old as its answer, needs no
clock in common and no lease, and costs nothing while nobody asks.
"""
import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import datetime, timezone
from urllib.parse import urlsplit

import fence_local
import fence_net
import fence_rules as rules
from fence_etcd import Etcd

PORT = 8009
ASK_S = 0.6
PEER_S = 0.3
STREAM_S = 0.8
BALANCER_S = 0.5
KNOW_S = 1.0
# Between two attempts to read what can't be read, and between two looks at a primary that seems deposed, s.
AGAIN_S = 0.3
# Evidence older than this is gathered again, s.
ATTEMPT_S = 1.5
# How long the winner of the key waits for the others to leave the old primary, s.
PROMOTE_S = 4.0
NO_ANSWER = (OSError, ValueError, KeyError, TypeError, EOFError, fence_local.Error)


def log(text):
    moment = datetime.now(timezone.utc).isoformat(sep=" ", timespec="milliseconds")[:-6]
    print(f"{moment} INFO: fence: {text}", file=sys.stderr, flush=True)


def ports(member):
    """Where a member's Patroni and Postgres listen, by its key in etcd."""
    return urlsplit(member["api_url"]).netloc, urlsplit(member["conn_url"]).netloc


def address(member):
    return urlsplit(member["conn_url"]).hostname


class Observer:
    """What one member knows and thinks of the leader."""

    def __init__(self, me, etcd, balancers):
        self.me = me
        self.etcd = etcd
        self.balancers = balancers
        self.known = rules.Snapshot()
        # Of everybody who was ever seen: a revoked lease takes the suspect's own key with it.
        self.members = {}
        self.silence = None
        self.objection = None
        self.attempt = None
        self.looks = set()
        # Whether our Postgres may still be the primary of an earlier term, and how often it was seen to be.
        self.led = True
        self.deposed = 0

    def learn(self, snapshot):
        """A new leader, or the old one in a new term, starts with a clean sheet."""
        term = lambda known: known.leader and (known.leader.name, known.leader.created)
        if term(snapshot) != term(self.known):
            self.silence = None
            if snapshot.leader and snapshot.leader.name != self.me:
                self.silence = rules.Silence(time.monotonic())
        self.known = snapshot
        self.members.update(snapshot.members)

    def opinion(self):
        leader = self.known.leader
        if not leader or not self.silence:
            return rules.Opinion(self.me, "", "", 0.0)
        return rules.Opinion(self.me, leader.name, leader.created, self.silence.seconds(time.monotonic()))

    async def know(self):
        """Keeps up with etcd, and clears away the announcement of a revocation that is over."""
        while True:
            pause_s = KNOW_S
            try:
                self.learn(await self.etcd.read())
                self.led = self.led or bool(self.known.leader) and not rules.is_deposed(self.me, self.known)
                if self.led and rules.is_deposed(self.me, self.known):
                    await self.stand_down()
                    pause_s = AGAIN_S
                if rules.marker_is_spent(self.me, self.known) and await fence_local.is_primary():
                    await self.etcd.forget(self.known)
                    log("the new primary stands, the revocation is over")
            except NO_ANSWER as error:
                log(f"can't know: {error!r}")
                pause_s = AGAIN_S
            await asyncio.sleep(pause_s)

    async def stand_down(self):
        """Stops our Postgres when it is a primary, twice in a row, though somebody else has the key."""
        try:
            self.led = not (await fence_local.stream()).in_recovery
        except fence_local.Error:
            # Not running, or starting: it may yet turn out to be either.
            self.deposed = 0
            return
        self.deposed = self.deposed + 1 if self.led else 0
        if self.deposed == 2:
            log(f"{self.known.leader.name} has the key and we are a primary: stopping")
            fence_local.stop()
            self.deposed = 0

    async def watch(self):
        """Looks at the leader every 300 ms, and doubts it when it has been silent for the whole hold."""
        while True:
            silence = self.silence
            if silence and self.known.leader.name in self.members:
                silence.look(time.monotonic())
                look = asyncio.ensure_future(self.look(silence, self.members[self.known.leader.name]))
                self.looks.add(look)
                look.add_done_callback(self.looks.discard)
                is_silent = silence.seconds(time.monotonic()) >= rules.HOLD_S
                if is_silent and (not self.attempt or self.attempt.done()):
                    self.attempt = asyncio.ensure_future(self.doubt(self.known.leader))
            await asyncio.sleep(rules.PERIOD_S)

    async def look(self, silence, member):
        if await fence_net.is_alive(*ports(member), ASK_S):
            silence.answered(time.monotonic())
        else:
            silence.unanswered()

    async def doubt(self, leader):
        """Gathers the evidence against a silent leader, and revokes its lease when there is no objection."""
        try:
            async with asyncio.timeout(ATTEMPT_S):
                objection = await self.try_to_revoke(leader)
        except NO_ANSWER as error:
            objection = f"no evidence: {error!r}"
        if objection != self.objection:
            self.objection = objection
            if objection:
                log(f"{leader.name} stays: {objection}")

    async def try_to_revoke(self, leader):
        others = [member for name, member in self.members.items() if name not in (self.me, leader.name)]
        *opinions, fenced = await asyncio.gather(*map(self.ask_opinion, others), self.ask_balancers(leader.name))
        now = await self.etcd.read()
        opinions = [opinion for opinion in opinions if opinion] + [self.opinion()]
        objection = rules.against_revoking(leader, opinions, fenced, now)
        if objection:
            return objection
        silent = ", ".join(f"{o.member} {o.silent_s:.2f} s" for o in opinions)
        log(f"{leader.name} is silent ({silent}) and down at {', '.join(fenced)}")
        marker = {"suspect": leader.name, "address": address(self.members[leader.name]), "lease": leader.lease, "by": self.me}
        if not await self.etcd.announce(now, marker):
            return "somebody else acted"
        await self.etcd.revoke(leader.lease)
        log(f"revoked lease {leader.lease} of {leader.name}")
        self.learn(await self.etcd.read())
        return None

    async def ask_opinion(self, member):
        try:
            answer = await fence_net.http(f"{address(member)}:{PORT}", "GET", "/opinion", "", PEER_S)
            return rules.Opinion(**json.loads(answer))
        except NO_ANSWER:
            return None

    async def ask_balancers(self, server):
        async def ask(host):
            try:
                statistics = await fence_net.http(host, "GET", "/stats;csv;norefresh", "", BALANCER_S)
            except NO_ANSWER:
                return False
            return rules.is_fenced(statistics, server)

        return dict(zip(self.balancers, await asyncio.gather(*map(ask, self.balancers))))

    async def ask_stream(self, member):
        try:
            answer = await fence_net.http(f"{address(member)}:{PORT}", "GET", "/stream", "", STREAM_S)
            return rules.Stream(**json.loads(answer))
        except NO_ANSWER:
            return None

    async def may_promote(self):
        """Whether the winner of the key may promote: at once, unless the key became free by a revocation."""
        objection, clean = "etcd does not answer", 0
        end = time.monotonic() + PROMOTE_S
        while time.monotonic() < end:
            try:
                now = await self.etcd.read()
                if not now.marker or now.marker["suspect"] == self.me:
                    return True
                objection = await self.against_promoting(now)
            except NO_ANSWER as error:
                objection = f"no evidence: {error!r}"
            # Twice: Postgres may be about to connect once more to whom it has just been told to leave.
            clean = 0 if objection else clean + 1
            if clean == 2:
                log("the others have left the old primary and are not ahead: promoting")
                return True
            await asyncio.sleep(0.1)
        log(f"not promoting: {objection}")
        return False

    async def against_promoting(self, now):
        self.members.update(now.members)
        others = {n: m for n, m in self.members.items() if n not in (self.me, now.marker["suspect"])}
        streams = dict(zip(others, await asyncio.gather(*map(self.ask_stream, others.values()))))
        # Ours last: it only grows.
        return rules.against_promoting(now.marker["address"], await fence_local.stream(), streams)

    async def answer(self, reader, writer):
        """One request: /opinion and /stream for the other observers, /may-promote for our own Patroni."""
        try:
            path = (await asyncio.wait_for(reader.readline(), 1)).split()[1].decode()
            body = "no"
            if path == "/opinion":
                body = json.dumps(asdict(self.opinion()))
            elif path == "/stream":
                body = json.dumps(asdict(await fence_local.stream()))
            elif path == "/may-promote" and await self.may_promote():
                body = "yes"
            status = "503 No" if body == "no" else "200 OK"
            writer.write(f"HTTP/1.0 {status}\r\n\r\n{body}".encode())
            await writer.drain()
        except (*NO_ANSWER, IndexError) as error:
            log(f"no answer given: {error!r}")
        finally:
            writer.close()


async def observe():
    hosts = [host.strip("' ") for host in os.environ["PATRONI_ETCD3_HOSTS"].split(",")]
    observer = Observer(os.environ["PATRONI_NAME"], Etcd(hosts), os.environ["FENCE_BALANCERS"].split(","))
    await asyncio.start_server(observer.answer, "0.0.0.0", PORT)
    log("watching")
    await asyncio.gather(observer.know(), observer.watch())


def main():
    try:
        asyncio.run(observe())
    except Exception as error:
        log(f"ends: {error!r}")
        raise
