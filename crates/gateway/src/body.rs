//! The body of an upstream's answer, which gives its connection back at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::pool::{Pool, Sender};

/// What the gateway answers with.
pub(crate) enum Answer {
    /// Its own words.
    Own(Full<Bytes>),
    /// An upstream's, passed through.
    Passed {
        /// The upstream's body.
        body: Incoming,
        /// Where the connection goes at the end; an answer broken off drops it.
        home: Option<(Sender, Pool)>,
    },
}

impl Answer {
    /// Passes an upstream's body through.
    pub(crate) fn passed(body: Incoming, sender: Sender, pool: Pool) -> Self {
        let mut home = Some((sender, pool));
        if body.is_end_stream() {
            go_home(&mut home);
        }
        Self::Passed { body, home }
    }
}

fn go_home(home: &mut Option<(Sender, Pool)>) {
    if let Some((sender, pool)) = home.take() {
        pool.give_back(sender);
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Passed { body, home } => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(context));
                match &frame {
                    None => go_home(home),
                    Some(Ok(_)) if body.is_end_stream() => go_home(home),
                    Some(_) => {}
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Passed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Passed { body, .. } => body.size_hint(),
        }
    }
}
