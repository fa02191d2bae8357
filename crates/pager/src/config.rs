//! The pager's configuration.

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, Mistakes};

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of every service.
    pub common: Common,
    /// File that keeps the pages taken (`BOOK`).
    pub book: String,
}

impl Configured for Config {
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut env = Env::new(source);
        let common = Common::read(&mut env, "pager");
        let book = env.required("BOOK");
        env.finish(|| {
            Some(Self {
                common: common?,
                book: book?,
            })
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}
