//! What is given up first when there is not room for everything.

use service_kit::routes::Route;

/// Requests to the api, most needed first. Live streams, which carry the alerts, do not go to the api and are not given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Readings, and the thresholds that they are compared with: without them nobody is alarmed.
    Vitals,
    /// What people look at. They look again.
    Dashboard,
    /// What a cache in front holds already, and what nobody should ask for.
    Static,
}

impl Priority {
    /// All of them, for metrics that begin at zero.
    pub(crate) const ALL: [Self; 3] = [Self::Vitals, Self::Dashboard, Self::Static];

    /// Of a request by its route.
    pub(crate) fn of(route: &Route<'_>) -> Self {
        match route {
            Route::PostVitals | Route::Thresholds(_) => Self::Vitals,
            Route::Patient(_) | Route::PatientVitals(_) | Route::Ward(_) => Self::Dashboard,
            Route::Static(_) | Route::Live | Route::WrongMethod | Route::Unknown => Self::Static,
        }
    }

    /// The word for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vitals => "vitals",
            Self::Dashboard => "dashboard",
            Self::Static => "static",
        }
    }

    /// How full the limit may be for it to enter, in percent. A fifth is kept from each for the next more needed one, which
    /// is more than comes in during one answer: a class that grows is refused before it takes another's room.
    pub(crate) fn share_percent(self) -> u32 {
        match self {
            Self::Vitals => 100,
            Self::Dashboard => 80,
            Self::Static => 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alarms_comes_before_what_is_looked_at() {
        let of = |route: Route<'_>| Priority::of(&route).share_percent();
        assert_eq!(of(Route::PostVitals), of(Route::Thresholds("7")));
        assert!(of(Route::Thresholds("7")) > of(Route::Ward("3")));
        assert!(of(Route::Ward("3")) > of(Route::Static("app.js")));
        assert_eq!(of(Route::Unknown), of(Route::Static("app.js")));
    }
}
