//! The rate limiter in front of the platform: bounds what a client may send, passes the rest on.

mod account;
mod body;
mod client;
mod concurrency;
pub mod config;
mod exchange;
mod forward;
mod gate;
pub mod gcra;
mod headers;
mod limiter;
mod metrics;
mod peers;
mod pool;
mod priority;
mod shared;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::budget::RetryBudget;
use service_kit::http::{self, Limits};
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use service_kit::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use concurrency::Concurrency;
use config::Config;
use exchange::{RedisBoard, keep_exchanging};
use gate::Gate;
use gcra::Gcra;
use headers::RequestIds;
use limiter::{Allowed, Limiter};
use metrics::Counters;
use pool::Pool;

/// Streams are cut within this time after closing.
const STREAMS_WITHIN: Duration = Duration::from_secs(8);

/// Serves until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.common.listen).await?;
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    // Its upstreams lie behind the same address for all gateways: none of them is better off than another,
    // so it is ready as soon as it listens. Redis is no need: without it the gateway decides alone.
    let mut readiness = Readiness::default();
    let redis_up = readiness.dependency(&process.metrics, "redis")?;
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));
    let counters = Counters::new(&process.metrics)?;
    let limiter = Arc::new(Limiter::new(Allowed {
        client: Gcra::new(config.client_rate_per_second, config.client_burst),
        newcomers: Gcra::new(config.newcomer_rate_per_second, config.newcomer_burst),
        total: Gcra::new(config.total_rate_per_second, config.total_burst),
    }));
    let board = RedisBoard {
        redis: RedisLink::start(&config.redis, redis_up),
        name: config.common.instance.clone(),
    };
    let shown = counters.exchange.clone();
    tokio::spawn(keep_exchanging(limiter.clone(), board, shown));
    serve(config, process.shutdown, limiter, counters, listener).await;
    Ok(())
}

/// Serves on a given listener until shut down.
async fn serve(
    config: Config,
    shutdown: Shutdown,
    limiter: Arc<Limiter>,
    counters: Counters,
    listener: TcpListener,
) {
    let streams = TaskTracker::new();
    let gate = Arc::new(Gate {
        concurrency: Concurrency::new(
            config.most_in_flight,
            counters.concurrency.clone(),
            counters.in_flight.clone(),
        ),
        api: Pool::new(config.api),
        ws: config.ws,
        limiter,
        retries: RetryBudget::new(),
        ids: RequestIds::new(),
        counters,
        max_body_bytes: config.max_body_bytes as usize,
        request_timeout: config.request_timeout,
        shutdown: shutdown.clone(),
        streams: streams.clone(),
    });
    let handler = move |request, peer| {
        let gate = gate.clone();
        async move { gate.handle(request, peer).await }
    };
    http::serve(listener, handler, Limits::default(), shutdown).await;
    streams.close();
    if tokio::time::timeout(STREAMS_WITHIN, streams.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = streams.len(), "streams did not end in time");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;

    use super::*;
    use hyper::StatusCode;
    use hyper::body::Incoming;
    use service_kit::boot::Configured;
    use service_kit::{deadline, respond};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Semaphore;

    /// A gateway before an api that answers when it is let, and what the api was told about the time left and the last try.
    struct Site {
        gateway: SocketAddr,
        let_answer: Arc<Semaphore>,
        told: Arc<Mutex<Vec<(u64, bool)>>>,
        metrics: service_kit::metrics::Metrics,
    }

    async fn site(settings: &[(&str, &str)]) -> Site {
        let let_answer = Arc::new(Semaphore::new(0));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (permits, heard) = (let_answer.clone(), told.clone());
        let api = move |request: hyper::Request<Incoming>, _| {
            let left = request.headers()[deadline::HEADER].to_str().unwrap();
            let last = request.headers().contains_key(deadline::LAST_TRY);
            heard.lock().unwrap().push((left.parse().unwrap(), last));
            let permits = permits.clone();
            async move {
                permits.acquire().await.unwrap().forget();
                respond::text(StatusCode::OK, "from the api")
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap().to_string();
        tokio::spawn(http::serve(
            listener,
            api,
            Limits::default(),
            Shutdown::default(),
        ));
        let config = Config::read(&|name| {
            let set = settings.iter().find(|(key, _)| *key == name);
            match (set, name) {
                (Some((_, value)), _) => Some((*value).to_owned()),
                (None, "API_UPSTREAM" | "WS_UPSTREAM" | "REDIS_SENTINELS") => {
                    Some(upstream.clone())
                }
                _ => None,
            }
        })
        .unwrap();
        let process = Process::new().unwrap();
        let counters = Counters::new(&process.metrics).unwrap();
        let wide = Gcra::new(1000, 1000);
        let limiter = Arc::new(Limiter::new(Allowed {
            client: wide,
            newcomers: wide,
            total: wide,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = listener.local_addr().unwrap();
        tokio::spawn(serve(config, process.shutdown, limiter, counters, listener));
        Site {
            gateway,
            let_answer,
            told,
            metrics: process.metrics,
        }
    }

    impl Site {
        async fn send(&self, request: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.gateway).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }

        fn shows(&self, line: &str) -> bool {
            let text = self.metrics.text().unwrap();
            String::from_utf8(text)
                .unwrap()
                .lines()
                .any(|one| one == line)
        }
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
    }

    #[tokio::test]
    async fn each_try_tells_how_long_it_waits() {
        let site = site(&[("REQUEST_TIMEOUT", "800ms")]).await;
        let silent = site.send(&get("/v1/wards/3")).await;
        assert!(answer(silent).await.starts_with("HTTP/1.1 504"));
        let told = site.told.lock().unwrap().clone();
        let [(first, false), (second, true)] = told[..] else {
            panic!("{told:?}")
        };
        assert!((400..=500).contains(&first), "{told:?}");
        assert!((100..=300).contains(&second), "{told:?}");
    }

    #[tokio::test]
    async fn without_a_repetition_left_the_only_try_takes_all_the_time_and_says_so() {
        const SILENT: usize = 60;
        const POST: &str = "POST /v1/vitals HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
        let site = site(&[]).await;
        let sent = (0..SILENT).map(|_| async { answer(site.send(POST).await).await });
        for said in futures_util::future::join_all(sent).await {
            assert!(said.starts_with("HTTP/1.1 504"), "{said}");
        }
        let before = site.told.lock().unwrap().len();
        let only = site.send(POST).await;
        while site.told.lock().unwrap().len() == before {
            tokio::task::yield_now().await;
        }
        let (left_ms, last) = site.told.lock().unwrap()[before];
        assert!((900..=1300).contains(&left_ms) && last, "{left_ms} {last}");
        site.let_answer.add_permits(SILENT * 2);
        assert!(answer(only).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn what_is_less_needed_is_refused_first_while_all_rooms_are_taken() {
        let site = site(&[("MOST_IN_FLIGHT", "1")]).await;
        let put = "PUT /v1/patients/7/thresholds HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
        let first = site.send(put).await;
        while !site.shows("gateway_in_flight 1") {
            tokio::task::yield_now().await;
        }
        let shed = answer(site.send(&get("/static/app.js")).await).await;
        assert!(shed.starts_with("HTTP/1.1 503"), "{shed}");
        assert!(shed.contains("retry-after: 1"), "{shed}");
        assert!(site.shows("gateway_shed_total{priority=\"static\"} 1"));
        site.let_answer.add_permits(1);
        assert!(answer(first).await.ends_with("from the api"));
        site.let_answer.add_permits(1);
        let again = answer(site.send(&get("/static/app.js")).await).await;
        assert!(again.ends_with("from the api"), "{again}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up_without_asking_the_api() {
        let site = site(&[("REQUEST_TIMEOUT", "100ms")]).await;
        let head = "POST /v1/vitals HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
        let slow = site.send(head).await;
        assert!(answer(slow).await.starts_with("HTTP/1.1 408"));
        assert!(site.told.lock().unwrap().is_empty());
        assert!(site.shows("gateway_in_flight 0"));
    }

    /// Gives each connection the next answer, whatever it is asked.
    async fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_stream_that_met_no_live_server_is_asked_for_once_more() {
        const NOBODY: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
        const AGREED: &str =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        const ASK: &str = "GET /v1/live?ward=1 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        for (answers, status) in [
            (&[NOBODY, AGREED], "HTTP/1.1 101"),
            (&[NOBODY, NOBODY], "HTTP/1.1 502"),
        ] {
            let live = server(answers).await.to_string();
            let site = site(&[("WS_UPSTREAM", &live)]).await;
            let said = answer(site.send(ASK).await).await;
            assert!(said.starts_with(status), "{said}");
        }
    }

    #[tokio::test]
    async fn what_may_be_over_in_a_moment_is_asked_once_more_after_it() {
        const NOT_NOW: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        const WRONG: &str = "HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\n\r\n";
        const TAKEN: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        const POST: &str = "POST /v1/vitals HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
        for (answers, status, paused) in [
            (&[NOT_NOW, TAKEN], "HTTP/1.1 202", true),
            (&[NOT_NOW, NOT_NOW], "HTTP/1.1 503", true),
            (&[WRONG, TAKEN], "HTTP/1.1 422", false),
        ] {
            let api = server(answers).await.to_string();
            let site = site(&[("API_UPSTREAM", &api)]).await;
            let asked = tokio::time::Instant::now();
            let said = answer(site.send(POST).await).await;
            assert!(said.starts_with(status), "{said}");
            let waited = asked.elapsed() >= std::time::Duration::from_millis(100);
            assert!(waited || !paused, "{:?}", asked.elapsed());
        }
    }
}
