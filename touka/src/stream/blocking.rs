//! [`Thread`], a blocking function of the user on a thread of its own.

#[cfg(feature = "testing")]
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread::Builder;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::contained::send_or_drop;
use super::guard::{Panic, catch};
use super::source::Abort;

/// The most threads that run at a time: as many as tokio's blocking pool has by default.
const MAX_THREADS: usize = 512;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// The name of the threads.
const NAME: &str = "touka-blocking";

type BoxedFn<E> = Box<dyn FnOnce() -> Result<(), E> + Send>;
type ThreadPermit = Result<SemaphorePermit<'static>, AcquireError>;

/// A blocking function on a thread of its own, which is not joined when the process ends.
///
/// tokio's blocking pool is not used: a runtime that is dropped waits for each function there, so a sleeping
/// one would keep the process from ending. Handlers that run for as long as their clients stay would also
/// fill the pool, which file systems and name look-ups need.
pub(super) struct Thread<E>(ThreadState<E>);

enum ThreadState<E> {
    /// Waits for a permit.
    Waits(Pin<Box<dyn Future<Output = ThreadPermit> + Send>>, BoxedFn<E>),
    Runs(oneshot::Receiver<Result<Result<(), E>, Panic>>),
    Over,
}

impl<E: Send + 'static> Thread<E> {
    /// Creates the function's future. The function starts when the future is polled and a thread is free.
    pub(super) fn new(body: impl FnOnce() -> Result<(), E> + Send + 'static) -> Self {
        if THREADS.available_permits() == 0 {
            warn_once_that_all_are_taken();
        }
        Self(ThreadState::Waits(Box::pin(THREADS.acquire()), Box::new(body)))
    }

    /// Polls for the end of the function.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Abort<E>>> {
        if let ThreadState::Waits(turn, _) = &mut self.0 {
            let permit = ready!(turn.as_mut().poll(cx));
            if let ThreadState::Waits(_, body) = std::mem::replace(&mut self.0, ThreadState::Over) {
                // If no thread starts, the body is dropped here, and its destructor may panic.
                match catch(|| start(permit, body)) {
                    Ok(Ok(ended)) => self.0 = ThreadState::Runs(ended),
                    Ok(Err(error)) => return Poll::Ready(Some(no_thread(&error))),
                    Err(panic) => return Poll::Ready(Some(Abort::Panic(panic))),
                }
            }
        }
        let ThreadState::Runs(ended) = &mut self.0 else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(ended).poll(cx));
        self.0 = ThreadState::Over;
        Poll::Ready(match ended {
            Ok(Ok(Err(error))) => Some(Abort::Error(error)),
            Ok(Err(panic)) => Some(Abort::Panic(panic)),
            // The thread always sends its result.
            Ok(Ok(Ok(()))) | Err(_) => None,
        })
    }
}

fn start<E: Send + 'static>(
    permit: ThreadPermit,
    body: BoxedFn<E>,
) -> io::Result<oneshot::Receiver<Result<Result<(), E>, Panic>>> {
    let (sender, ended) = oneshot::channel();
    // For functions that use the current runtime, as they can on its blocking pool.
    let runtime = Handle::try_current().ok();
    #[cfg(feature = "testing")]
    let clock = hold_the_clock(runtime.as_ref());
    Builder::new().name(NAME.to_owned()).spawn(move || {
        let _permit = permit;
        #[cfg(feature = "testing")]
        let _clock = clock;
        let ended = {
            let _entered = runtime.as_ref().map(Handle::enter);
            catch(body)
        };
        // The result is not returned from the thread: a panic value whose destructor panics there would abort
        // the process.
        send_or_drop(sender, ended);
    })?;
    Ok(ended)
}

/// Turns the operating system's refusal of a thread into a failure of the handler, as
/// `tokio::task::spawn_blocking` panics then.
fn no_thread<E>(error: &io::Error) -> Abort<E> {
    Abort::Panic(Box::new(format!("the operating system did not start a thread for a blocking function: {error}")))
}

fn warn_once_that_all_are_taken() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            target: "touka::stream",
            max = MAX_THREADS,
            "all threads for blocking functions are in use: further streams wait until one ends; \
             this is logged once"
        );
    }
}

#[cfg(feature = "testing")]
thread_local! {
    static HOLDS_CLOCKS: Cell<bool> = const { Cell::new(false) };
}

/// Makes a paused clock of this thread's runtime wait while a function runs on a thread of its own, as it
/// waits for tokio's blocking pool. Without this, the timeouts of a test would pass while the function works.
#[cfg(feature = "testing")]
pub(crate) fn hold_paused_clocks() {
    HOLDS_CLOCKS.set(true);
}

/// Keeps a function in tokio's blocking pool until the returned value is dropped.
#[cfg(feature = "testing")]
fn hold_the_clock(runtime: Option<&Handle>) -> Option<std::sync::mpsc::Sender<()>> {
    let runtime = runtime.filter(|_| HOLDS_CLOCKS.get())?;
    let (running, ended) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || ended.recv());
    Some(running)
}
