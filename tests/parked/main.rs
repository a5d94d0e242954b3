//! Parked connections: a subscription that is served without a task looks the same from outside as
//! one that is served as a body. Each promise is shown for both.

mod bytes;
mod drains;
mod ends;
mod fair;
mod panics;
mod returns;
mod scene;
mod slow;
mod which;
