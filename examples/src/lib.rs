//! The examples are small programs, each in a folder beside this one; `README.md` lists them. This crate is
//! what they share: their beginning, the response with their page, the ids that their clients choose, and the pace of
//! their language models.

mod begin;
mod id;
mod pace;
mod page;

pub use begin::begin;
pub use id::Id;
pub use pace::pace;
pub use page::{Page, page};
