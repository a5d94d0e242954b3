//! A doc comment as the summary and the description of an operation.

/// The first paragraph on one line, and the rest.
pub(crate) fn split(doc: &str) -> (String, String) {
    let doc = doc.trim();
    let (first, rest) = doc.split_once("\n\n").unwrap_or((doc, ""));
    let summary: Vec<&str> = first.lines().map(str::trim).collect();
    (summary.join(" "), rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn the_first_paragraph_is_the_summary() {
        let split = |doc| {
            let (summary, description) = split(doc);
            [summary, description]
        };
        assert_eq!(
            split(" Follows a room,\n from the start.\n\n Forever.\n\n Or so."),
            ["Follows a room, from the start.", "Forever.\n\n Or so."]
        );
        assert_eq!(split(""), ["", ""]);
    }
}
