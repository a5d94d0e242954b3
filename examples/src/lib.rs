//! The examples are small programs, each in a folder beside this one; `README.md` lists them. Here
//! is what they share: how they begin, and how they answer with their page.

mod begin;
mod page;

pub use begin::begin;
pub use page::{Page, page};
