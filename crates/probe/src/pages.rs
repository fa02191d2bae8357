//! The third party's own book: which pages it took.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use timeline::PagesRequest;

use crate::{Ports, http::Http};

const BOOK: &str = "/book";

/// The book as its owner tells it: a JSON list of [`wire::Paged`]. The error says what was in the way.
pub(crate) async fn read(request: &PagesRequest, ports: Ports) -> Result<Bytes, String> {
    let ip: Result<IpAddr, _> = request.pager.parse();
    let ip = ip.map_err(|_| format!("{:?} is not an address", request.pager))?;
    let address = SocketAddr::new(ip, ports.admin);
    let answer = Http::new(address).get(BOOK).await;
    let answer = answer.and_then(|answer| answer.ok(BOOK));
    Ok(answer.map_err(|error| format!("{address}: {error}"))?.body)
}
