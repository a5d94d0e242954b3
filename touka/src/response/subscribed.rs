//! [`SubscribedBody`], the response body of a subscription. A server can take the subscription out of it.

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::body::Frames;
use crate::event::IntoEvent;
use crate::stream::{Credential, Lifecycle, Options, SubscriptionParts};
use crate::sync::Mutex;
use crate::topic::{EndTest, Subscription, TakenSubscription};

/// The parts of a response body that is nothing but a position in a topic. A server that serves the subscription
/// without the body takes them, and the body is at its end.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) subscription: Subscription,
    /// The test for the last event, if the stream has one.
    pub(crate) test: Option<EndTest>,
    pub(crate) credential: Option<Box<Credential>>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) options: Options,
}

/// A reference to the body of a subscription's response, to take the subscription out of it.
///
/// It holds the body weakly: if a layer has replaced the body, there is nothing to take.
#[derive(Clone)]
pub(crate) struct Ticket {
    body: Weak<dyn Take>,
    /// The type of the service that vouches that the body is not wrapped.
    vouched_by: Option<TypeId>,
}

impl Ticket {
    /// Records that a service of this type leaves the bodies of responses as they are.
    pub(crate) const fn vouch(&mut self, service: TypeId) {
        self.vouched_by = Some(service);
    }

    pub(crate) fn is_vouched_by(&self, service: TypeId) -> bool {
        self.vouched_by == Some(service)
    }

    /// Takes the subscription out of the body, if `frame` is the only frame that this body has
    /// returned so far: the same bytes at the same address, so no layer has changed them.
    pub(crate) fn take(&self, frame: &Bytes) -> Option<Parts> {
        self.body.upgrade()?.take(frame)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("vouched_by", &self.vouched_by).finish_non_exhaustive()
    }
}

/// The inside of a [`SubscribedBody`], with the type of its events erased.
trait Take: Send + Sync {
    fn take(&self, frame: &Bytes) -> Option<Parts>;
}

/// The body of a subscription's response.
pub(super) struct SubscribedBody<T>(Arc<Mutex<Inside<T>>>);

struct Inside<T> {
    /// Boxed, because a wrapper of the body may keep this field for as long as the client stays, though the
    /// frames are gone.
    frames: Option<Box<Frames<T>>>,
    /// The address and the length of the first frame, as long as it is the only one.
    first: Option<(usize, usize)>,
}

impl<T: IntoEvent + Send + 'static> SubscribedBody<T> {
    pub(super) fn new(frames: Frames<T>) -> (Self, Ticket) {
        let inside = Arc::new(Mutex::new(Inside { frames: Some(Box::new(frames)), first: None }));
        let body: Weak<dyn Take> = Arc::downgrade(&(Arc::clone(&inside) as Arc<dyn Take>));
        (Self(inside), Ticket { body, vouched_by: None })
    }
}

fn address(frame: &Bytes) -> (usize, usize) {
    (frame.as_ptr().addr(), frame.len())
}

impl<T: Send + 'static> Take for Mutex<Inside<T>> {
    fn take(&self, frame: &Bytes) -> Option<Parts> {
        let mut inside = self.lock();
        if inside.first != Some(address(frame)) {
            return None;
        }
        // A stream whose credential has expired ended with this frame.
        let frames = inside.frames.take_if(|frames| !frames.is_finished())?;
        drop(inside);
        let SubscriptionParts { subscription, credential, lifecycle, options } =
            frames.into_stream().into_subscription()?;
        let TakenSubscription { subscription, test } = *subscription.downcast().ok()?;
        Some(Parts { subscription, test, credential, lifecycle, options })
    }
}

impl<T: IntoEvent> Body for SubscribedBody<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut inside = self.0.lock();
        let Some(frames) = &mut inside.frames else { return Poll::Ready(None) };
        let fresh = frames.is_fresh();
        let polled = ready!(Pin::new(&mut **frames).poll_frame(cx));
        let data = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        inside.first = data.filter(|_| fresh).map(address);
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        let inside = self.0.lock();
        inside.frames.as_ref().is_none_or(Body::is_end_stream)
    }
}
