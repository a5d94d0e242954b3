//! The words of TypeScript that cannot be the name of a type.

/// Keywords, the names of types of the language, and words that have a meaning of their own before a type.
const RESERVED: &str = "abstract any as asserts await bigint boolean break case catch class const continue debugger default \
    delete do else enum export extends false finally for function if implements import in infer instanceof interface is \
    keyof let never new null number object package private protected public readonly return static string super switch \
    symbol this throw true try type typeof undefined unique unknown var void while with yield";

/// Whether the word cannot be the name of a type.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.split(' ').any(|reserved| reserved == word)
}

#[cfg(test)]
mod tests {
    use super::is_reserved;

    #[test]
    fn keywords_and_types_of_the_language_are_reserved() {
        assert_eq!(
            ["class", "yield", "bigint", "keyof", "Class", "", "Order"].map(is_reserved),
            [true, true, true, true, false, false, false]
        );
    }
}
