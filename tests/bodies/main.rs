//! Bodies of streams: how their events become frames, and when frames are written.

mod batching;
mod emitting;
mod end_of_stream;
mod flushing;
mod last_bytes;
mod layered;
mod moved;
