//! The names of Rust items in other languages.

/// `RoomsSayAll` for `rooms::say_all`.
pub(crate) fn pascal_case(path: &[String]) -> String {
    path.iter().flat_map(|segment| segment.split('_')).map(capitalized).collect()
}

/// `sayAll` for `say_all`. A name of underscores is kept.
pub(crate) fn camel_case(name: &str) -> String {
    if name.bytes().all(|byte| byte == b'_') {
        return name.to_owned();
    }
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    let name = words.fold(first, |name, word| name + &capitalized(word));
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// `rooms.sayAll` for `rooms::say_all`.
pub(crate) fn accessor(path: &[String]) -> String {
    path.iter().map(|name| camel_case(name)).collect::<Vec<_>>().join(".")
}

/// `roomsSayAll` for `rooms::say_all`: the name of what belongs to a handler, without its modules.
pub(crate) fn joined_name(path: &[String]) -> String {
    camel_case(&path.join("_"))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined() {
        assert_eq!(pascal_case(&["rooms".to_owned(), "say_all".to_owned()]), "RoomsSayAll");
        assert_eq!(["say_all", "listen2", "_a", "__", "_9_a"].map(camel_case), ["sayAll", "listen2", "a", "__", "_9A"]);
    }
}
