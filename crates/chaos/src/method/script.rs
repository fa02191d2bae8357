//! Faults of state: commands inside the member, with what they undo.

mod clock;

use drill::{Fault, Resource};
use engine::Member;

use crate::{ChaosError, Engine, undo::UndoAction};

/// Shell scripts of one fault. `$1` is what `look` said. Each ends with 0 when it did what it should.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Script {
    /// Reads what the others need to know; changes nothing.
    look: String,
    strike: String,
    /// Says what is seen, and fails while the fault does not show.
    effect: String,
    /// Safe to run twice, and when the fault was never applied. Empty where there is nothing to undo.
    undo: String,
}

/// Name of the session that holds a lock or a transaction, so that it can be found and ended.
const SESSION: &str = "gameday-fault";
/// The session ends by itself after this long, in seconds, though nobody takes it back.
const SESSION_S: u32 = 300;

/// `$0` of a strike, and of everything else.
const STRIKE: &str = "gameday-strike";
const SCRIPT: &str = "gameday";
/// Waits for a strike that is still going on, up to 10 s: a command goes on when whoever asked for it is gone, and what it does
/// after its undo stays. The brackets keep these words from finding themselves.
const STRUCK: &str = "for i in {1..100}; do grep -qs 'gameday-[s]trike' /proc/[0-9]*/cmdline || break; sleep 0.1; done";

impl Script {
    /// The scripts of a fault; empty for those that are done otherwise.
    pub(crate) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Process { name, signal } => process(name.each(), signal.name()),
            Fault::FlushCache {} => flush_cache(),
            Fault::FailOver {} => fail_over(),
            Fault::Lock { table } => session(&format!(
                "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;"
            )),
            Fault::Transaction {} => {
                session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;")
            }
            Fault::ReplicaLag {} => replica_lag(),
            Fault::Alarm { resource } => alarm(*resource),
            Fault::MoveLeader { queue } => move_leader(queue),
            Fault::ThirdParty { mode } => third_party(mode.name()),
            Fault::ClockOffset { by_ms } => clock::script(*by_ms),
            _ => Self::default(),
        }
    }

    /// Reads what must be known before.
    pub(crate) async fn look<E: Engine>(
        &self,
        engine: &E,
        member: &Member,
    ) -> Result<String, ChaosError> {
        match self.look.as_str() {
            "" => Ok(String::new()),
            look => run(engine, member, &command(look, SCRIPT, "")).await,
        }
    }

    pub(crate) async fn strike<E: Engine>(
        &self,
        engine: &E,
        member: &Member,
        said: &str,
    ) -> Result<(), ChaosError> {
        let command = command(&self.strike, STRIKE, said);
        run(engine, member, &command).await.map(drop)
    }

    pub(crate) async fn effect<E: Engine>(
        &self,
        engine: &E,
        member: &Member,
        said: &str,
    ) -> Result<String, String> {
        let effect = command(&self.effect, SCRIPT, said);
        let ran = engine.exec(&member.id, &effect).await;
        match ran {
            Ok(ran) if ran.exit_code == 0 => Ok(ran.output),
            Ok(ran) => Err(format!("not as it should be: {}", ran.output)),
            Err(error) => Err(format!("unknown: {error}")),
        }
    }

    /// The way back.
    pub(crate) fn undo(&self, said: &str) -> UndoAction {
        match self.undo.as_str() {
            "" => UndoAction::Nothing,
            undo => UndoAction::Run {
                command: command(&format!("{STRUCK}; {undo}"), SCRIPT, said),
            },
        }
    }
}

async fn run<E: Engine>(
    engine: &E,
    member: &Member,
    command: &[String],
) -> Result<String, ChaosError> {
    let ran = engine.exec(&member.id, command).await?;
    if ran.exit_code == 0 {
        return Ok(ran.output);
    }
    Err(ChaosError::Unfit {
        member: member.service.clone(),
        reason: format!(
            "a command in it ended with {}: {}",
            ran.exit_code, ran.output
        ),
    })
}

/// `$0` tells whoever lists processes whose they are.
fn command(script: &str, name: &str, said: &str) -> Vec<String> {
    ["bash", "-c", script, name, said].map(str::to_owned).into()
}

/// Names are looked up by hand, because not every image has the tools for it.
fn process(names: &[String], signal: &str) -> Script {
    let each_of = |names: &str, act: &str| {
        format!(
            "n=0; for c in /proc/[0-9]*/comm; do p=${{c#/proc/}}; p=${{p%/comm}}; \
             case \"$(cat $c 2>/dev/null)\" in {names}) ;; *) continue;; esac; {act}; n=$((n+1)); done"
        )
    };
    let each = |act: &str| each_of(&names.join("|"), act);
    let count = |name: &String| {
        let count = each_of(name, "echo $p");
        format!("{count}; [ $n -gt 0 ] || {{ echo no process {name}; exit 1; }}")
    };
    let look = names.iter().map(count).collect::<Vec<_>>().join("; ");
    let stopped = each("grep -q '^State:.[Tt]' /proc/$p/status && s=$((s+1))");
    let gone = "g=0; for p in $1; do grep -q '^State:.[^Z]' /proc/$p/status 2>/dev/null || g=$((g+1)); done; \
                set -- $1; echo \"$g of $# processes gone\"; [ $g -eq $# ]";
    let stop = signal == "STOP";
    // A server that forks may have a child more than when it was looked at. It would outlive its parent, hold what it holds
    // and keep the next server from starting. Who is stopped forks no more.
    let born = each(
        "case \"$s \" in *\" $p \"*) continue;; esac; \
         q=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status 2>/dev/null); \
         case \"$s \" in *\" $q \"*) b=\"$b $p\";; esac",
    );
    Script {
        look,
        strike: match signal {
            "KILL" => {
                format!("s=\" $(echo $1)\"; b=; kill -STOP $1; {born}; kill -KILL $1 $b")
            }
            _ => format!("kill -{signal} $1"),
        },
        effect: match stop {
            true => format!(
                "s=0; {stopped}; echo \"$s of $n processes stopped\"; [ $s -eq $n ] && [ $n -gt 0 ]"
            ),
            false => gone.into(),
        },
        undo: match stop {
            true => "kill -CONT $1 2>/dev/null; true".into(),
            false => String::new(),
        },
    }
}

fn flush_cache() -> Script {
    let redis = "redis-cli -h \"$ADDRESS\"";
    Script {
        look: format!("{redis} dbsize"),
        strike: format!("{redis} flushall | grep -q OK"),
        effect: format!(
            "n=$({redis} dbsize); echo \"$1 keys before, $n now\"; [ \"$n\" -lt \"$1\" ]"
        ),
        undo: String::new(),
    }
}

fn fail_over() -> Script {
    let sentinel = "redis-cli -h \"$ADDRESS\" -p 26379 --raw sentinel";
    let master = format!("{sentinel} get-master-addr-by-name gameday | head -1");
    Script {
        look: master.clone(),
        strike: format!("{sentinel} failover gameday | grep -q OK"),
        effect: format!("m=$({master}); echo \"master $1 before, $m now\"; [ \"$m\" != \"$1\" ]"),
        undo: String::new(),
    }
}

/// A session in the background of the member.
fn session(begin: &str) -> Script {
    let psql = "psql -d gameday -Atc";
    let mine = format!("application_name = '{SESSION}'");
    let seen = format!(
        "{psql} \"SELECT count(*) FROM pg_stat_activity WHERE {mine} AND query LIKE '%pg_sleep%'\""
    );
    Script {
        look: String::new(),
        strike: format!(
            "PGAPPNAME={SESSION} setsid psql -d gameday -qc \"{begin} SELECT pg_sleep({SESSION_S}); ROLLBACK\" \
             >/dev/null 2>&1 </dev/null & true"
        ),
        effect: format!("n=$({seen}); echo \"$n session holds it\"; [ \"$n\" -ge 1 ]"),
        undo: format!(
            "{psql} \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}\" >/dev/null"
        ),
    }
}

/// The process that applies is stopped. A pause of the replay would not last: Patroni ends it in each turn of its loop.
fn replica_lag() -> Script {
    let startup = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'";
    Script {
        look: format!(
            "p=$(psql -Atc \"{startup}\") && {{ [ -n \"$p\" ] || {{ echo no replica; exit 1; }}; echo $p; }}"
        ),
        strike: "kill -STOP $1".into(),
        effect: "grep -q '^State:.[Tt]' /proc/$1/status && echo \"the process $1, which applies, is stopped\"".into(),
        undo: "kill -CONT $1 2>/dev/null; true".into(),
    }
}

fn alarm(resource: Resource) -> Script {
    let control = "rabbitmqctl -q";
    let (read, set, little) = match resource {
        Resource::Memory => (
            "vm_memory_monitor:get_vm_memory_high_watermark().",
            "set_vm_memory_high_watermark",
            "0.00001",
        ),
        Resource::Disk => (
            "rabbit_disk_monitor:get_disk_free_limit().",
            "set_disk_free_limit",
            "1000000000000000",
        ),
    };
    let name = resource.name();
    Script {
        // `0.4`, or `{absolute,"420MiB"}`, which is set with two words.
        look: format!("set -o pipefail; {control} eval '{read}' | tr '{{}},\"' '    '"),
        strike: format!("{control} {set} {little}"),
        effect: format!(
            "{control} eval 'rabbit_alarm:get_alarms().' | grep -q {name} && echo \"{name} alarm\" || {{ echo no alarm; exit 1; }}"
        ),
        undo: format!("{control} {set} $1"),
    }
}

/// Leadership goes to the first other member of the queue that is reached.
fn move_leader(queue: &str) -> Script {
    let members = format!(
        "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"{queue}\">>)), \
         {{ok, All, {{_, Leader}}}} = ra:members(amqqueue:get_pid(Q)), \
         Others = [N || {{_, N}} <- All, N =/= Leader, lists:member(N, [node() | nodes()])], "
    );
    let ask = |what: &str| format!("rabbitmqctl -q eval '{members} {what}.'");
    let leader = ask("Leader");
    Script {
        look: format!(
            "n=$({} 2>/dev/null) || {{ echo there is no quorum queue {queue}; exit 1; }}; \
             [ \"$n\" -gt 0 ] || {{ echo no other broker could lead {queue}; exit 1; }}; {leader}",
            ask("length(Others)")
        ),
        strike: format!(
            "{} | grep '^.migrated'",
            ask("rabbit_quorum_queue:transfer_leadership(Q, hd(Others))")
        ),
        effect: format!(
            "l=$({leader}); echo \"led by $1 before, by $l now\"; [ -n \"$l\" ] && [ \"$l\" != \"$1\" ]"
        ),
        undo: String::new(),
    }
}

/// The third party has a switch on its admin port; the shell speaks HTTP well enough for it.
fn third_party(mode: &str) -> Script {
    let say =
        |request: &str| format!("exec 3<>/dev/tcp/127.0.0.1/9100; printf '{request}' >&3; cat <&3");
    let put = |mode: &str| {
        let body = format!("{{\"mode\":\"{mode}\"}}");
        let length = body.len();
        say(&format!(
            "PUT /behaviour HTTP/1.1\\r\\nHost: pager\\r\\nConnection: close\\r\\nContent-Length: {length}\\r\\n\\r\\n{body}"
        ))
    };
    let get = say("GET /behaviour HTTP/1.1\\r\\nHost: pager\\r\\nConnection: close\\r\\n\\r\\n");
    Script {
        look: String::new(),
        strike: format!("{} | grep -q '200 OK'", braced(&put(mode))),
        effect: format!("{} | grep -o '\"mode\":\"{mode}\"'", braced(&get)),
        undo: format!("{} | grep -q '200 OK'", braced(&put("ok"))),
    }
}

fn braced(script: &str) -> String {
    format!("{{ {script}; }}")
}

#[cfg(test)]
mod tests {
    use drill::{Mode, Names, ProcessSignal};

    use super::*;

    fn postgres() -> Names {
        Names::One("postgres".into())
    }

    fn every() -> Vec<Fault> {
        vec![
            Fault::Process {
                name: postgres(),
                signal: ProcessSignal::Stop,
            },
            Fault::Process {
                name: Names::Many(vec!["patroni".into(), "postgres".into()]),
                signal: ProcessSignal::Kill,
            },
            Fault::FlushCache {},
            Fault::FailOver {},
            Fault::Lock {
                table: "patients".into(),
            },
            Fault::Transaction {},
            Fault::ReplicaLag {},
            Fault::Alarm {
                resource: Resource::Disk,
            },
            Fault::MoveLeader {
                queue: "vitals".into(),
            },
            Fault::ThirdParty {
                mode: Mode::Hanging,
            },
            Fault::ClockOffset { by_ms: -90_000 },
        ]
    }

    #[test]
    fn every_fault_of_state_can_be_done_and_seen() {
        for fault in every() {
            let script = Script::of(&fault);
            assert!(
                !script.strike.is_empty() && !script.effect.is_empty(),
                "{fault}"
            );
        }
        assert_eq!(Script::of(&Fault::Pause {}), Script::default());
    }

    #[test]
    fn the_shell_understands_every_script() {
        for fault in every() {
            let script = Script::of(&fault);
            for text in [&script.look, &script.strike, &script.effect, &script.undo] {
                let checked = std::process::Command::new("bash")
                    .args(["-n", "-c", text])
                    .output()
                    .unwrap();
                assert!(checked.status.success(), "{fault}: {text}");
            }
        }
    }

    /// A child that was born after its parent was looked at goes with it; another family of the same name is left alone.
    #[test]
    fn a_killed_server_leaves_no_child_behind() {
        let folder = std::env::temp_dir().join(format!("gd-family-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy("/bin/bash", folder.join("gd-family")).unwrap();
        let family = || {
            let mut parent = std::process::Command::new(folder.join("gd-family"));
            parent
                .args(["-c", "( sleep 20; : ) & wait"])
                .spawn()
                .unwrap()
        };
        let child = |parent: &std::process::Child| loop {
            let id = parent.id();
            let born = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            if let Some(child) = born.unwrap().split_whitespace().next() {
                break child.to_owned();
            }
            std::thread::yield_now();
        };
        let lives = |id: &str| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        let (mut struck, mut spared) = (family(), family());
        let (orphan, other) = (child(&struck), child(&spared));
        let struck_id = struck.id().to_string();
        let strike = process(&["gd-family".into()], "KILL").strike;
        let done = std::process::Command::new("bash")
            .args(["-c", &strike, SCRIPT, &struck_id])
            .status();
        assert!(done.unwrap().success());
        struck.wait().unwrap();
        // Half of the time that it would live by itself.
        let look = std::time::Duration::from_millis(10);
        let gone = (0..1000).any(|_| {
            std::thread::sleep(look);
            !lives(&orphan)
        });
        assert!(gone, "a child outlived its server");
        assert!(lives(&other) && spared.try_wait().unwrap().is_none());
        spared.kill().unwrap();
        spared.wait().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_killed_is_not_undone_by_us_and_what_stands_still_goes_on() {
        let undo = |signal| {
            let fault = Fault::Process {
                name: postgres(),
                signal,
            };
            Script::of(&fault).undo("12 13")
        };
        assert_eq!(undo(ProcessSignal::Kill), UndoAction::Nothing);
        let UndoAction::Run { command } = undo(ProcessSignal::Stop) else {
            panic!("a stopped process must go on");
        };
        assert_eq!(command.last().map(String::as_str), Some("12 13"));
    }
}
