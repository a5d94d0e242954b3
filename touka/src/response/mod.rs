//! A stream of events as an HTTP response.

mod answer;
mod body;
#[cfg(test)]
mod body_tests;
mod flush;
mod head;
mod refusal;
mod subscribed;
mod survive;

pub(crate) use answer::answer;
pub(crate) use head::{WholeBlocks, WriteTimeout};
pub(crate) use refusal::refusal;
pub(crate) use subscribed::{Parts, Ticket};
pub(crate) use survive::survive;
