//! [`Thread`], a plain function of the user's on a thread of its own.

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

use super::contained::tell;
use super::guard::{Panic, catch};
use super::source::Abort;

/// How many such threads a process has at a time: as many as tokio's pool has by default.
const MOST: usize = 512;

static THREADS: Semaphore = Semaphore::const_new(MOST);

/// What the threads are called.
const NAME: &str = "touka-blocking";

type Body<E> = Box<dyn FnOnce() -> Result<(), E> + Send>;
type Permit = Result<SemaphorePermit<'static>, AcquireError>;

/// A function that runs on a thread of its own, which nobody waits for when the process ends.
///
/// tokio's pool does not do: a runtime that is dropped waits for each function there, so one that
/// sleeps would hold a process that was told to end. The pool would also be taken up by handlers
/// that run for as long as their clients stay, and file systems and name look-ups need it.
pub(super) struct Thread<E>(Stage<E>);

enum Stage<E> {
    /// It waits for its turn.
    Waits(Pin<Box<dyn Future<Output = Permit> + Send>>, Body<E>),
    Runs(oneshot::Receiver<Result<Result<(), E>, Panic>>),
    Over,
}

impl<E: Send + 'static> Thread<E> {
    /// Starts the function when this is polled and a thread is free.
    pub(super) fn new(body: impl FnOnce() -> Result<(), E> + Send + 'static) -> Self {
        if THREADS.available_permits() == 0 {
            say_that_all_are_taken();
        }
        Self(Stage::Waits(Box::pin(THREADS.acquire()), Box::new(body)))
    }

    /// Ready when the function has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Abort<E>>> {
        if let Stage::Waits(turn, _) = &mut self.0 {
            let permit = ready!(turn.as_mut().poll(cx));
            if let Stage::Waits(_, body) = std::mem::replace(&mut self.0, Stage::Over) {
                // A body without a thread is dropped there, and may panic.
                match catch(|| start(permit, body)) {
                    Ok(Ok(ended)) => self.0 = Stage::Runs(ended),
                    Ok(Err(error)) => return Poll::Ready(Some(refused(&error))),
                    Err(panic) => return Poll::Ready(Some(Abort::Panic(panic))),
                }
            }
        }
        let Stage::Runs(ended) = &mut self.0 else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(ended).poll(cx));
        self.0 = Stage::Over;
        Poll::Ready(match ended {
            Ok(Ok(Err(error))) => Some(Abort::Error(error)),
            Ok(Err(panic)) => Some(Abort::Panic(panic)),
            // The thread always says how it ended.
            Ok(Ok(Ok(()))) | Err(_) => None,
        })
    }
}

fn start<E: Send + 'static>(
    permit: Permit,
    body: Body<E>,
) -> io::Result<oneshot::Receiver<Result<Result<(), E>, Panic>>> {
    let (to, told) = oneshot::channel();
    // For functions that ask for the runtime, as they can on its own pool.
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
        // A thread that ends with a panic value whose destructor panics would abort the process.
        tell(to, ended);
    })?;
    Ok(told)
}

/// The operating system gives no more threads. That is a failure of the handler's, like the panic of
/// `tokio::task::spawn_blocking` in the same place.
fn refused<E>(error: &io::Error) -> Abort<E> {
    Abort::Panic(Box::new(format!("the operating system gives no thread for a plain function: {error}")))
}

fn say_that_all_are_taken() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            target: "touka::stream",
            most = MOST,
            "all threads for plain functions are taken: streams of more of them wait until others end; \
             this is said once"
        );
    }
}

#[cfg(feature = "testing")]
thread_local! {
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// From now on a paused clock of this thread's runtime stands still while a function runs on a
/// thread of its own, as it does for tokio's own pool. A test would else see its time-outs pass
/// while the function works.
#[cfg(feature = "testing")]
pub(crate) fn hold_paused_clocks() {
    HOLDS.set(true);
}

/// Keeps a function in tokio's pool until what is returned is dropped.
#[cfg(feature = "testing")]
fn hold_the_clock(runtime: Option<&Handle>) -> Option<std::sync::mpsc::Sender<()>> {
    let runtime = runtime.filter(|_| HOLDS.get())?;
    let (running, ended) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || ended.recv());
    Some(running)
}
