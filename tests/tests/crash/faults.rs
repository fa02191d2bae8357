//! Every fault, with a member to do it to and the question that shows whether anything of it is left.

/// A fault to be abandoned.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// As `gameday inject` takes it.
    pub(crate) fault: &'static str,
    pub(crate) on: &'static str,
    /// Whether an agent holds it.
    pub(crate) agent: bool,
    /// A command in the member that says the same before and after.
    pub(crate) trace: &'static str,
}

const NOTHING: &str = "true";
const STATES: &str = "cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.[Tt]'; true";
const SESSIONS: &str = "psql -d gameday -Atc \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gameday-fault'\"";
const ROOM: &str = "df --block-size=8M --output=avail /run/varnish-work | tail -n 1";
const ALARMS: &str = "rabbitmqctl -q eval 'rabbit_alarm:get_alarms().'";
const MODE: &str = "exec 3<>/dev/tcp/127.0.0.1/9100; \
    printf 'GET /behaviour HTTP/1.1\\r\\nHost: p\\r\\nConnection: close\\r\\n\\r\\n' >&3; grep -o '\"mode\":\"[a-z]*\"' <&3";
const WRITES: &str = "cat /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device /sys/fs/cgroup/io.max 2>/dev/null; true";
const CLOCK: &str = "exec 3<>/dev/tcp/127.0.0.1/9100; \
    printf 'GET /clock HTTP/1.1\\r\\nHost: s\\r\\nConnection: close\\r\\n\\r\\n' >&3; c=$(tail -n 1 <&3); \
    echo $(((c - $(date +%s%3N)) / 10000)) tens of seconds off";
const LIVING: &str = "kill -0 1 2>/dev/null; cat /proc/1/comm";

pub(crate) fn faults() -> Vec<Subject> {
    let engine = |name, fault, on, trace| Subject {
        name,
        fault,
        on,
        agent: false,
        trace,
    };
    let held = |name, fault, on, trace| Subject {
        name,
        fault,
        on,
        agent: true,
        trace,
    };
    vec![
        engine("kill", "kill", "api-1", LIVING),
        engine("stop", "stop = { grace = '1s' }", "api-1", LIVING),
        engine("restart", "restart", "api-1", LIVING),
        engine("recreate", "recreate", "postgres-2", LIVING),
        engine(
            "rolling-restart",
            "rolling-restart = { grace = '2s' }",
            "api-1",
            LIVING,
        ),
        engine("pause", "pause", "ws-1", LIVING),
        engine(
            "process",
            "process = { name = 'postgres', signal = 'STOP' }",
            "postgres-2",
            STATES,
        ),
        engine("cpu", "cpu = { cores = 0.05 }", "api-1", NOTHING),
        engine("memory", "memory = { at_most_mib = 64 }", "api-1", NOTHING),
        engine("cut", "cut = { network = 'data' }", "api-1", NOTHING),
        engine(
            "slow-disk",
            "slow-disk = { directory = '/var/lib/postgresql', writes_per_s = 20 }",
            "postgres-2",
            WRITES,
        ),
        engine("flush-cache", "flush-cache", "redis-1", NOTHING),
        engine(
            "lock",
            "lock = { table = 'patients' }",
            "postgres-1",
            SESSIONS,
        ),
        engine("transaction", "transaction", "postgres-1", SESSIONS),
        engine("replica-lag", "replica-lag", "postgres-2", STATES),
        engine(
            "alarm",
            "alarm = { resource = 'memory' }",
            "rabbitmq-1",
            ALARMS,
        ),
        engine(
            "third-party",
            "third-party = { mode = 'failing' }",
            "pager",
            MODE,
        ),
        engine(
            "clock-offset",
            "clock-offset = { by_ms = -90000 }",
            "api-1",
            CLOCK,
        ),
        held("freeze", "freeze", "api-1", STATES),
        held(
            "fill-disk",
            "fill-disk = { directory = '/run/varnish-work', leave_mib = 1 }",
            "varnish-1",
            ROOM,
        ),
        held("burn", "burn = { threads = 2 }", "gateway-1", NOTHING),
        held("leak", "leak = { mib = 32 }", "gateway-1", NOTHING),
        held(
            "hold-connections",
            "hold-connections = { port = 5432, count = 20 }",
            "postgres-2",
            NOTHING,
        ),
        held(
            "delay",
            "network = { effect = { delay = { latency = '50ms' } }, to = ['postgres'] }",
            "api-1",
            NOTHING,
        ),
        held(
            "loss",
            "network = { effect = { loss = { percent = 30 } }, to = ['postgres'] }",
            "api-1",
            NOTHING,
        ),
        held(
            "partition",
            "network = { effect = { partition = {} }, to = ['redis'], direction = 'both' }",
            "api-1",
            NOTHING,
        ),
        held(
            "isolation",
            "network = { effect = { partition = {} }, direction = 'both' }",
            "varnish-1",
            NOTHING,
        ),
        held(
            "reject",
            "network = { effect = { reject = {} }, to = ['redis'], direction = 'out' }",
            "api-1",
            NOTHING,
        ),
    ]
}
