//! Clients that are slow, silent, or gone, and limits on their requests.

mod back_pressure;
mod body_limits;
mod disconnect;
mod held;
mod request_limits;
mod resets;
mod silence;
mod steady_readers;
