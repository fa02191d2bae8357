//! The secret of one run.

use uuid::Uuid;

/// The password of every store of one topology. It is never logged and never on a command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A new one: 122 random bits as 32 hexadecimal digits.
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// The secret itself, for whoever must log in.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text without the secret.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_its_own_and_none_is_shown() {
        let (one, other) = (Password::random(), Password::random());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 32);
        assert!(!format!("{one:?}").contains(one.reveal()));
        let text = format!("login with {} refused", one.reveal());
        assert_eq!(one.hide_in(&text), "login with *** refused");
    }
}
