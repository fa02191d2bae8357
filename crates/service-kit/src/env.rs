//! Configuration from environment variables. Values come through a function, so that tests pass a map, and
//! every mistake is collected, so that the operator sees all of them at once.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Reads settings and collects what is wrong with them.
pub struct Env<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<String>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// A value that can be read from one variable.
pub trait Setting: Sized {
    /// Reads the value; an error is a fragment that says what the text is not.
    fn read(text: &str) -> Result<Self, String>;
}

/// `host:port`, where the host is a name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address.
    pub host: String,
    /// TCP port, never zero.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A value that must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<'a> Env<'a> {
    /// Reads from `source`, which maps a variable's name to its value.
    pub fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            mistakes: Vec::new(),
        }
    }

    /// A variable that must be there. `None` means that a mistake was noted.
    pub fn required<T: Setting>(&mut self, name: &str) -> Option<T> {
        match (self.source)(name) {
            Some(text) => self.parse(name, &text),
            None => {
                self.mistakes.push(format!("{name} is missing"));
                None
            }
        }
    }

    /// A variable with a default. `None` means that a mistake was noted.
    pub fn or<T: Setting>(&mut self, name: &str, default: T) -> Option<T> {
        match (self.source)(name) {
            Some(text) => self.parse(name, &text),
            None => Some(default),
        }
    }

    /// Notes a mistake that lies between two values.
    pub fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    /// Builds the configuration when there is no mistake; `build` returns `None` only when one was noted.
    pub fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Mistakes> {
        match build() {
            Some(value) if self.mistakes.is_empty() => Ok(value),
            _ => Err(Mistakes(self.mistakes)),
        }
    }

    fn parse<T: Setting>(&mut self, name: &str, text: &str) -> Option<T> {
        match T::read(text.trim()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.mistakes.push(format!("{name}: {why}"));
                None
            }
        }
    }
}

impl Setting for String {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("empty".into()),
            text => Ok(text.into()),
        }
    }
}

impl Setting for Secret {
    fn read(text: &str) -> Result<Self, String> {
        String::read(text).map(Secret)
    }
}

impl Setting for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("'{text}' is not an address with a port"))
    }
}

impl Setting for u32 {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) | Err(_) => Err(format!("'{text}' is not a whole number above zero")),
            Ok(number) => Ok(number),
        }
    }
}

impl Setting for Duration {
    fn read(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map_err(|_| format!("'{text}' is not a duration such as 2s or 90ms"))
    }
}

impl Setting for HostPort {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not host:port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        match port.parse() {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Self {
                host: host.into(),
                port,
            }),
            _ => Err(wrong()),
        }
    }
}

impl Setting for Vec<HostPort> {
    fn read(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|item| HostPort::read(item.trim()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn with(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let map: HashMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        move |name| map.get(name).cloned()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let source = with(&[("DRAIN", "soon"), ("HOSTS", "a:1,b"), ("SIZE", "0")]);
        let mut env = Env::new(&source);
        let listen = env.required::<SocketAddr>("LISTEN");
        let drain = env.or("DRAIN", Duration::from_secs(2));
        let hosts = env.required::<Vec<HostPort>>("HOSTS");
        let size = env.or::<u32>("SIZE", 3);
        let mistakes = env
            .finish(|| Some((listen?, drain?, hosts?, size?)))
            .unwrap_err();
        assert_eq!(
            mistakes.0,
            [
                "LISTEN is missing",
                "DRAIN: 'soon' is not a duration such as 2s or 90ms",
                "HOSTS: 'b' is not host:port",
                "SIZE: '0' is not a whole number above zero",
            ]
        );
    }

    #[test]
    fn good_values_and_defaults_are_taken() {
        let source = with(&[("HOSTS", "10.0.0.1:5672, b:1")]);
        let mut env = Env::new(&source);
        let hosts = env.required::<Vec<HostPort>>("HOSTS");
        let drain = env.or("DRAIN", Duration::from_secs(2));
        let (hosts, drain) = env.finish(|| Some((hosts?, drain?))).unwrap();
        assert_eq!(hosts[1].to_string(), "b:1");
        assert_eq!(drain, Duration::from_secs(2));
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::read("hunter2").unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_mistake_between_values_refuses_the_whole() {
        let source = with(&[]);
        let mut env = Env::new(&source);
        env.mistake("A must not exceed B");
        assert!(env.finish(|| Some(())).is_err());
    }
}
