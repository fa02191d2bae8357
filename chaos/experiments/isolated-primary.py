"""Does a primary that reaches no replica say yes to a second try for the same reading?

    gameday up ha && python3 chaos/experiments/isolated-primary.py [ROUNDS]

Each round cuts the primary off from etcd and from the other members for 30 s, inserts readings on it, ends each insert
in one of three ways, tries each again in one of two ways, and asks the next primary which of them it has. The tries run in the
primary's own container, on its socket: they measure Postgres and nothing between.
"""
import json
import subprocess
import sys
import time
import uuid

ENDS = ["the client is killed", "statement_timeout", "a cancel request"]
RETRIES = ["DO NOTHING", "DO UPDATE SET stored_at = readings.stored_at"]
# Tries in a round for each end and each retry: 60 sessions, of the 200 that a server has.
EACH = 5
# How long the first try waits, and the second, s. Patroni demotes a primary that has lost etcd after 4 to 5 s.
FIRST_S, SECOND_S = 0.6, 2.0
HELD = "30s"
PARTITION = 'network = { effect = { partition = {} }, to = ["etcd", "postgres"], direction = "both" }'
INSERT = """INSERT INTO readings (reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic)
    VALUES (%s, 1, 0, 60, 98, 120) ON CONFLICT (reading_id) """


def inside():
    """In the container: prepares the sessions, waits for a line, tries, and prints what each try was told."""
    import select
    import socket
    import psycopg2

    def connect(asynchronous):
        link = psycopg2.connect(host="/var/run/postgresql", user="postgres", dbname="gameday", async_=asynchronous)
        while asynchronous and link.poll() != psycopg2.extensions.POLL_OK:
            time.sleep(0.001)
        return link

    # The library forgets what it asked when nobody keeps the cursor.
    cursors = []

    def ask(link, query, values=None):
        cursors.append(link.cursor())
        cursors[-1].execute(query, values)

    def answers(links, within_s):
        """What each session says until then: `yes`, an error, or nothing."""
        said, until = {}, time.monotonic() + within_s
        while len(said) < len(links) and time.monotonic() < until:
            waiting = [link for number, link in enumerate(links) if number not in said]
            ready, _, _ = select.select(waiting, [], [], 0.05)
            for link in ready:
                try:
                    if link.poll() == psycopg2.extensions.POLL_OK:
                        said[links.index(link)] = "yes"
                except psycopg2.Error as error:
                    said[links.index(link)] = str(error).splitlines()[0]
        return [said.get(number, "nothing") for number in range(len(links))]

    control = connect(False)
    control.autocommit = True
    tries = [(end, retry) for end in range(len(ENDS)) for retry in range(len(RETRIES)) for _ in range(EACH)]
    ids = [str(uuid.uuid4()) for _ in tries]
    firsts, seconds = [connect(True) for _ in tries], [connect(True) for _ in tries]
    for (end, _), link in zip(tries, firsts):
        if ENDS[end] == "statement_timeout":
            ask(link, "SET statement_timeout = '300ms'")
            answers([link], 1)
    print("ready", flush=True)
    sys.stdin.readline()
    for link, one in zip(firsts, ids):
        ask(link, INSERT + RETRIES[0], [one])
    first = answers(firsts, FIRST_S)
    with control.cursor() as cursor:
        for (end, _), link in zip(tries, firsts):
            if ENDS[end] == "the client is killed":
                socket.fromfd(link.fileno(), socket.AF_UNIX, socket.SOCK_STREAM).shutdown(socket.SHUT_RDWR)
            if ENDS[end] == "a cancel request":
                cursor.execute("SELECT pg_cancel_backend(%s)", [link.get_backend_pid()])
    late = [n for n, (end, _) in enumerate(tries) if ENDS[end] != "the client is killed" and first[n] == "nothing"]
    for number, answer in zip(late, answers([firsts[n] for n in late], 0.3)):
        first[number] = answer + ", with a warning" if answer == "yes" and firsts[number].notices else answer
    for link, one, (_, retry) in zip(seconds, ids, tries):
        ask(link, INSERT + RETRIES[retry], [one])
    second = answers(seconds, SECOND_S)
    print(json.dumps(list(zip(tries, ids, first, second))), flush=True)


def docker(*arguments, **options):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, **options).stdout


def primary():
    """The container and the name of the member that leads, once all three are well."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for name in docker("ps", "--format", "{{.Names}}", "--filter", "label=com.docker.compose.service").split():
            if "postgres" not in name:
                continue
            listed = docker("exec", name, "patronictl", "-c", "/tmp/patroni.yml", "list", "-f", "json")
            members = json.loads(listed) if listed.startswith("[") else []
            well = [one for one in members if one["State"] in ("running", "streaming")]
            leads = [one["Member"] for one in members if one["Role"] == "Leader"]
            if len(well) == 3 and leads and leads[0] in name:
                return name, leads[0]
        time.sleep(1)
    sys.exit("no healthy primary within 120 s: is `gameday up ha` running?")


def round_of_tries():
    container, member = primary()
    with open(__file__) as source:
        program = source.read()
    tries = subprocess.Popen(["docker", "exec", "-i", container, "python3", "-c", program, "inside"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert tries.stdout.readline() == "ready\n", "the sessions could not be opened"
    inject = subprocess.Popen(["gameday", "inject", PARTITION, "--on", member, "--for", HELD],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The first line says that it is in force, the next ones whether that was seen.
    said = inject.stdout.readline()
    tries.stdin.write("go\n")
    tries.stdin.flush()
    told = json.loads(tries.stdout.readline())
    said += inject.stdout.read()
    if inject.wait() != 0:
        sys.exit(f"the partition was not proven, or not healed:\n{said}")
    container, _ = primary()
    ids = ",".join(f"'{one}'" for _, one, _, _ in told)
    query = f"SELECT reading_id FROM readings WHERE reading_id IN ({ids})"
    kept = docker("exec", container, "psql", "-U", "postgres", "-d", "gameday", "-h", "/var/run/postgresql", "-Atc", query)
    kept = set(kept.split())
    return [(tuple(how), first, second, one in kept) for how, one, first, second in told]


def main(rounds):
    everything = []
    for number in range(rounds):
        everything += round_of_tries()
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    for end, name in enumerate(ENDS):
        for retry, how in enumerate(RETRIES):
            mine = [one for one in everything if one[0] == (end, retry)]
            firsts, seconds = ({answer: sum(one[at] == answer for one in mine) for answer in {one[at] for one in mine}}
                               for at in (1, 2))
            lost = sum(one[2] == "yes" and not one[3] for one in mine)
            print(f"{name}, then {how.split(' SET')[0]}: {len(mine)} tries; first {firsts}; second {seconds}; "
                  f"second said yes and the next primary has it not: {lost}")


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 6)
