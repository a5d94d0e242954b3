//! The examples are small programs, each in a folder beside this one; `README.md` lists them. This crate is
//! what they share: their beginning, the response with their page, and the pace of their language models.

mod begin;
mod pace;
mod page;

pub use begin::begin;
pub use pace::pace;
pub use page::{Page, page};
