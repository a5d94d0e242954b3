//! [`Case`]: the conversion of Rust names to event names, with the rules of serde's `rename_all`.

/// The case of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// The cases, as the user writes them.
const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    pub(super) fn parse(written: &str) -> Option<Self> {
        CASES.iter().find(|(name, _)| *name == written).map(|(_, case)| *case)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        CASES.iter().map(|(name, _)| *name)
    }

    /// Converts a `PascalCase` name to this case.
    pub(super) fn apply(self, name: &str) -> String {
        match self {
            Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => {
                let mut letters = name.chars();
                letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
            }
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// Each capital begins a word, as in serde: `HTTPError` is `h_t_t_p_error`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_those_of_serde() {
        let converted = |name: &str| CASES.map(|(_, case)| case.apply(name));
        assert_eq!(
            converted("VeryTasty"),
            [
                "verytasty",
                "VERYTASTY",
                "VeryTasty",
                "veryTasty",
                "very_tasty",
                "VERY_TASTY",
                "very-tasty",
                "VERY-TASTY"
            ]
        );
        assert_eq!(converted("A"), ["a", "A", "A", "a", "a", "A", "a", "A"]);
        assert_eq!(Case::Kebab.apply("HTTPError2"), "h-t-t-p-error2");
        assert_eq!(Case::Kebab.apply("Été"), "Été");
    }

    #[test]
    fn each_case_is_found_by_its_own_name() {
        for (name, case) in CASES {
            assert_eq!(Case::parse(name), Some(case));
        }
        assert_eq!(Case::parse("kebab_case"), None);
    }
}
