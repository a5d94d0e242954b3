//! Clients that come and go at random for a long time, and a sample of the server every second.

mod dice;
mod report;
mod run;
mod sample;
mod visit;

pub use dice::Dice;
pub use report::{Quarter, Report};
pub use run::Plan;
pub use sample::Sample;
