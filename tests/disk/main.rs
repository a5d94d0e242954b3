//! Topics on disk.

mod cache;
mod closing;
mod compact;
mod damage;
mod faults;
mod formats;
mod full;
mod idle;
mod keyed;
mod moved;
mod paging;
mod panics;
mod queue;
mod restart;
mod unpolled;
