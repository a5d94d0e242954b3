//! The engine that keeps the events of a hub in a file.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `disk_fault`: errors of the file; `record`: one event as bytes
//! - `held_file`: the open and locked file; `overlay`: a file that is repaired in memory only
//! - `database`: tables and identity; `row`: a topic; `key_tables`, `superseded`: events by their keys
//! - `tables`, `store`: writing and reading the tables; `shared_store`: a store shared by two threads
//! - `head`: the end of a topic in the file; `journal`: what is not certain to be in the file; `reader`: both in order
//! - `queue`: the jobs of a thread; `active`: the topics that are read in this process; `failures`: the topics that cannot be read
//! - `write_batch`: the events of one topic that are written together; `idle_trim`: expiry of old events
//! - `writer`, `loader`: the threads that write and read; `disk_engine`: the engine

mod active;
mod database;
mod disk_engine;
mod disk_fault;
mod failures;
mod head;
mod held_file;
mod idle_trim;
mod journal;
mod key_tables;
mod loader;
#[cfg(test)]
mod loader_tests;
mod overlay;
mod queue;
mod reader;
mod record;
mod row;
#[cfg(test)]
mod scratch;
mod shared_store;
mod store;
mod superseded;
mod tables;
mod write_batch;
mod writer;
#[cfg(test)]
mod writer_tests;

pub(super) use disk_engine::DiskEngine;
