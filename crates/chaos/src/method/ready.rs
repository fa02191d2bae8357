//! Whether a member serves again, by its own word: the containers have no health check of the engine's.

use drill::Component;
use engine::{Member, State};

use crate::Engine;

/// Says the status of an HTTP answer to `GET $2` on port `$1` of the member itself, and fails unless that is 200.
const HTTP: &str = "exec 3<>/dev/tcp/127.0.0.1/$1 || exit 1; \
    printf 'GET %s HTTP/1.1\\r\\nHost: ready\\r\\nConnection: close\\r\\n\\r\\n' \"$2\" >&3; \
    read -r -t 3 _ status _ <&3; echo \"status $status\"; [ \"$status\" = 200 ]";

/// Whether it runs and says that it is ready.
///
/// # Errors
/// What is seen instead, completing "it is ".
pub(crate) async fn ready<E: Engine>(engine: &E, member: &Member) -> Result<(), String> {
    let unknown = |error: engine::EngineError| format!("unknown: {error}");
    match engine.state(&member.id).await.map_err(unknown)? {
        State::Running => {}
        other => return Err(other.to_string()),
    }
    let Some(command) = question(&member.component) else {
        return Ok(());
    };
    let ran = engine.exec(&member.id, &command).await.map_err(unknown)?;
    match ran.exit_code {
        0 => Ok(()),
        _ => Err(format!("not ready: {}", ran.output)),
    }
}

/// The command that asks; none for what nobody knows how to ask.
fn question(component: &str) -> Option<Vec<String>> {
    use Component as C;
    let http = |port: u16, path: &str| bash(HTTP, &[&port.to_string(), path]);
    let asked = match Component::from_name(component)? {
        C::Api | C::Ws | C::Gateway | C::Worker | C::Pager => http(9100, "/readyz"),
        C::Haproxy => http(8404, "/whoami"),
        C::Varnish => http(80, "/varnish-health"),
        C::Postgres => http(8008, "/health"),
        C::Etcd => http(2379, "/health"),
        C::Prometheus => http(9090, "/-/ready"),
        C::Redis => bash("redis-cli -h \"$ADDRESS\" ping | grep PONG", &[]),
        C::Sentinel => bash("redis-cli -h \"$ADDRESS\" -p 26379 ping | grep PONG", &[]),
        C::Rabbitmq => bash("rabbitmq-diagnostics -q check_running", &[]),
        C::Instrument => return None,
    };
    Some(asked)
}

fn bash(script: &str, args: &[&str]) -> Vec<String> {
    let fixed = ["bash", "-c", script, "gameday"];
    let all = fixed.iter().chain(args);
    all.map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_that_can_be_a_target_is_asked() {
        for component in Component::ALL {
            let asked = question(component.name());
            assert_eq!(asked.is_none(), *component == Component::Instrument);
        }
        assert_eq!(question("stranger"), None);
    }

    #[test]
    fn the_shell_understands_every_question() {
        for command in Component::ALL.iter().filter_map(|c| question(c.name())) {
            let checked = std::process::Command::new("bash")
                .args(["-n", "-c", &command[2]])
                .output()
                .unwrap();
            assert!(checked.status.success(), "{command:?}");
        }
    }
}
