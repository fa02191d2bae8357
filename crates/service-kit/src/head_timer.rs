//! A connection whose peer has to finish a request's head soon after it began it: one that sends a byte now and then would
//! otherwise hold its connection as long as an idle one may.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What the bytes that come in belong to.
enum Phase {
    /// Nothing yet: the first is a head's.
    Idle,
    /// A head, which must be whole when this ends.
    Head(Pin<Box<Sleep>>),
    /// A body, or a stream.
    Answering,
}

/// Tells the connection what its peer is sending. Copies share it.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<Phase>>);

impl Progress {
    /// A head is whole, and its request is being answered.
    pub(crate) fn answering(&self) {
        *self.phase() = Phase::Answering;
    }

    /// It was answered; what comes next is another head.
    pub(crate) fn answered(&self) {
        *self.phase() = Phase::Idle;
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that fails when a head takes too long.
pub(crate) struct HeadTimer<S> {
    stream: S,
    within: Duration,
    progress: Progress,
}

impl<S> HeadTimer<S> {
    /// Heads must be whole `within` this time after their first byte.
    pub(crate) fn new(stream: S, within: Duration) -> (Self, Progress) {
        let progress = Progress(Arc::new(Mutex::new(Phase::Idle)));
        let timer = Self {
            stream,
            within,
            progress: progress.clone(),
        };
        (timer, progress)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimer<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut phase = this.progress.phase();
        if let Phase::Head(end) = &mut *phase
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if matches!(*phase, Phase::Idle) && buffer.filled().len() > before {
            *phase = Phase::Head(Box::pin(tokio::time::sleep(this.within)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimer<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    const WITHIN: Duration = Duration::from_secs(5);

    /// Sends a byte a second for as long as somebody reads.
    async fn drip(mut to: DuplexStream) {
        while to.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// The seconds after which reading fails, or a minute.
    async fn fails_after(from: &mut HeadTimer<DuplexStream>) -> u64 {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) && from.read_u8().await.is_ok() {}
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_in_is_cut_off() {
        let (near, far) = duplex(64);
        let (mut timer, _progress) = HeadTimer::new(near, WITHIN);
        tokio::spawn(drip(far));
        assert_eq!(fails_after(&mut timer).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_in_the_middle_is_cut_off_and_an_idle_one_is_not() {
        let (near, mut far) = duplex(64);
        let (mut timer, _progress) = HeadTimer::new(near, WITHIN);
        let idle = tokio::time::timeout(Duration::from_secs(60), timer.read_u8());
        assert!(idle.await.is_err());
        far.write_all(b"x").await.unwrap();
        assert_eq!(fails_after(&mut timer).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_a_request_is_answered_is_no_head_and_the_next_head_has_its_own_time()
    {
        let (near, far) = duplex(64);
        let (mut timer, progress) = HeadTimer::new(near, WITHIN);
        tokio::spawn(drip(far));
        timer.read_u8().await.unwrap();
        progress.answering();
        assert!(fails_after(&mut timer).await >= 60);
        progress.answered();
        assert_eq!(fails_after(&mut timer).await, 6);
    }
}
