//! A wall clock that is wrong, in our own services.

use super::{SESSION_S, Script, braced};

/// What the services look at; it holds until a moment, so that it ends though nobody takes it back.
const WRONG: &str = "/dev/shm/wrong-clock";
/// A clock may differ from the asked one by so much: a process looks a few times a second, and the shell takes its time.
const TOLERANCE_MS: u32 = 1000;

/// The service's own clock against the container's true one; `$d` is the difference in milliseconds.
pub(super) fn script(by_ms: i64) -> Script {
    let get = "exec 3<>/dev/tcp/127.0.0.1/9100; \
        printf 'GET /clock HTTP/1.1\\r\\nHost: s\\r\\nConnection: close\\r\\n\\r\\n' >&3; tail -n 1 <&3";
    let clock = braced(get);
    let differs = format!(
        "c=$({clock}); [[ \"$c\" =~ ^[0-9]+$ ]] || {{ echo \"it has no clock of ours: $c\"; exit 1; }}; d=$((c - $(date +%s%3N)))"
    );
    let far = format!("e=$((d - ({by_ms}))); [ ${{e#-}} -le {TOLERANCE_MS} ]");
    let right = format!("[ ${{d#-}} -le {TOLERANCE_MS} ]");
    Script {
        look: format!("{differs}; echo $d"),
        strike: format!(
            "echo \"$(({by_ms} * 1000)) $((($(date +%s) + {SESSION_S}) * 1000000))\" >{WRONG}"
        ),
        effect: format!("{differs}; echo \"clock off by $d ms\"; {far}"),
        undo: format!(
            "rm -f {WRONG}; for i in {{1..20}}; do {differs}; {right} && exit 0; sleep 0.1; done; echo \"still off by $d ms\"; exit 1"
        ),
    }
}
