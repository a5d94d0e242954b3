//! Topics in memory: delivery, retention, gaps, feeds and ends.

mod closing;
mod delivery;
mod ends;
mod feeds;
mod fold;
mod full;
mod gaps;
mod hub_close;
mod limits;
mod merged;
mod opening_position;
mod snapshot;
mod typed;
mod wakers;
