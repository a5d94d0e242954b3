//! Parked connections: a subscription without a task of its own behaves like one that is served as a body.
//! Each promise is tested for both.

mod bytes;
mod chosen_end;
mod closing;
mod drains;
mod ends;
mod fair;
mod panics;
mod returns;
mod scene;
mod slow;
mod which;
