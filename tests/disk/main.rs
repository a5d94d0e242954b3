//! Topics on disk.

mod compact;
mod faults;
mod full;
mod idle;
mod loads;
mod moved;
mod queue;
mod restart;
