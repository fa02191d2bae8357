//! A container of somebody else's Compose project, beside the run: nothing that we do may touch it.

use super::docker;

/// A service name that our own topology has, too: only the project tells them apart.
const SERVICE: &str = "api-1";
const IMAGE: &str = "gameday/agent:latest";

/// The container, on a network of its own; removed when dropped.
#[derive(Debug)]
pub(crate) struct Bystander {
    project: String,
    before: String,
}

impl Bystander {
    /// Starts it and looks at it.
    pub(crate) fn start() -> Self {
        let project = format!("somebody-else-{}", std::process::id());
        let label = format!("com.docker.compose.project={project}");
        let service = format!("com.docker.compose.service={SERVICE}");
        docker(&["network", "create", "--label", &label, &project]);
        docker(&[
            "run",
            "--detach",
            "--name",
            &project,
            "--network",
            &project,
            "--label",
            &label,
            "--label",
            &service,
            "--label",
            "gameday.component=api",
            "--memory",
            "64m",
            "--entrypoint",
            "sleep",
            IMAGE,
            "infinity",
        ]);
        let mut bystander = Self {
            project,
            before: String::new(),
        };
        let rule = "iptables-legacy -A INPUT -s 192.0.2.99/32 -j DROP";
        bystander.beside(rule);
        bystander.before = bystander.digest();
        assert!(
            bystander.before.contains("running") && bystander.before.contains("192.0.2.99"),
            "no bystander: {}",
            bystander.before
        );
        bystander
    }

    /// Its state now, when that is not what it was.
    pub(crate) fn changed(&self) -> Option<String> {
        let now = self.digest();
        (now != self.before).then(|| format!("{:?} before, {now:?} now", self.before))
    }

    /// Life, limits and addresses by the engine; processes, rules, queueing disciplines and routes by itself.
    fn digest(&self) -> String {
        let format = "{{.Id}} {{.State.Status}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} \
            {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{json .NetworkSettings.Networks}}";
        let life = docker(&["inspect", "--format", format, &self.project]);
        // The processes that look are no part of it.
        let processes = "cat /proc/1/stat | cut -d' ' -f1-5; ls -d /proc/[0-9]* | wc -l";
        let processes = docker(&["exec", &self.project, "bash", "-c", processes]);
        let rules = self.beside(
            "iptables-legacy-save | grep '^-A'; tc qdisc show; ip -o address show; ip route show table all",
        );
        format!("{life}{processes}{rules}")
    }

    /// Runs a script in its network namespace.
    fn beside(&self, script: &str) -> String {
        let network = format!("container:{}", self.project);
        docker(&[
            "run",
            "--rm",
            "--network",
            &network,
            "--cap-add",
            "NET_ADMIN",
            "--label",
            "gameday.crash=1",
            "--entrypoint",
            "bash",
            IMAGE,
            "-c",
            script,
        ])
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.project]);
        docker(&["network", "rm", &self.project]);
    }
}
