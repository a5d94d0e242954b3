//! The page of an example.

/// A header and a body: all that a page needs of a response.
pub type Page = ([(&'static str, &'static str); 1], &'static str);

/// Responds with a page that is part of the program.
pub const fn page(html: &'static str) -> Page {
    ([("content-type", "text/html; charset=utf-8")], html)
}
