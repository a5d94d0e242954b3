//! The examples are small programs, each in a folder beside this one; `README.md` lists them. This crate is
//! what they share: their beginning, and the response with their page.

mod begin;
mod page;

pub use begin::begin;
pub use page::{Page, page};
