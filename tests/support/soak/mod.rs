//! Clients that come and leave at random for a long time, and a look at the server every second.

mod dice;
mod report;
mod run;
mod sample;
mod visit;

pub use dice::Dice;
pub use report::{Quarter, Report};
pub use run::Plan;
pub use sample::Sample;
