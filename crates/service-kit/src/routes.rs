//! The routes of the public interface: the gateway counts by them, the api serves them.

use hyper::Method;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /v1/vitals`.
    PostVitals,
    /// `GET /v1/patients/{id}`; the id as written.
    Patient(&'a str),
    /// `GET /v1/patients/{id}/vitals`.
    PatientVitals(&'a str),
    /// `PUT /v1/patients/{id}/thresholds`.
    Thresholds(&'a str),
    /// `GET /v1/wards/{id}`.
    Ward(&'a str),
    /// `GET /static/{name}`.
    Static(&'a str),
    /// `GET /v1/live`, a WebSocket.
    Live,
    /// A known path with a method that it does not take.
    WrongMethod,
    /// Nothing of ours.
    Unknown,
}

impl<'a> Route<'a> {
    /// The route of a request.
    pub fn of(method: &Method, path: &'a str) -> Self {
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        let parts = [
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ];
        let (route, wanted) = match parts {
            [Some("v1"), Some("vitals"), None, ..] => (Self::PostVitals, Method::POST),
            [Some("v1"), Some("patients"), Some(id), None, _] => (Self::Patient(id), Method::GET),
            [Some("v1"), Some("patients"), Some(id), Some("vitals"), None] => {
                (Self::PatientVitals(id), Method::GET)
            }
            [
                Some("v1"),
                Some("patients"),
                Some(id),
                Some("thresholds"),
                None,
            ] => (Self::Thresholds(id), Method::PUT),
            [Some("v1"), Some("wards"), Some(id), None, _] => (Self::Ward(id), Method::GET),
            [Some("v1"), Some("live"), None, ..] => (Self::Live, Method::GET),
            [Some("static"), Some(name), None, ..] => (Self::Static(name), Method::GET),
            _ => return Self::Unknown,
        };
        let head = *method == Method::HEAD && wanted == Method::GET;
        match *method == wanted || head {
            true => route,
            false => Self::WrongMethod,
        }
    }

    /// The label of metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PostVitals => "post_vitals",
            Self::Patient(_) => "patient",
            Self::PatientVitals(_) => "patient_vitals",
            Self::Thresholds(_) => "thresholds",
            Self::Ward(_) => "ward",
            Self::Static(_) => "static",
            Self::Live => "live",
            Self::WrongMethod => "wrong_method",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found() {
        let table = [
            (Method::POST, "/v1/vitals", Route::PostVitals),
            (Method::GET, "/v1/patients/7", Route::Patient("7")),
            (
                Method::GET,
                "/v1/patients/7/vitals",
                Route::PatientVitals("7"),
            ),
            (
                Method::PUT,
                "/v1/patients/7/thresholds",
                Route::Thresholds("7"),
            ),
            (Method::GET, "/v1/wards/3", Route::Ward("3")),
            (Method::HEAD, "/static/app.js", Route::Static("app.js")),
            (Method::GET, "/v1/live", Route::Live),
        ];
        for (method, path, route) in table {
            assert_eq!(Route::of(&method, path), route, "{path}");
        }
    }

    #[test]
    fn strangers_are_told_apart_from_wrong_methods() {
        let table = [
            (Method::GET, "/v1/vitals", Route::WrongMethod),
            (Method::POST, "/v1/wards/3", Route::WrongMethod),
            (Method::GET, "/v1/patients/7/vitals/2", Route::Unknown),
            (Method::GET, "/", Route::Unknown),
            (Method::GET, "/v1", Route::Unknown),
            (Method::GET, "/static/a/b", Route::Unknown),
        ];
        for (method, path, route) in table {
            assert_eq!(Route::of(&method, path), route, "{path}");
        }
    }
}
