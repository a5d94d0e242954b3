//! [`Template`]: the key or the owner of a run, as text with the names of parameters in braces.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitStr, Token};

use crate::args::skip_value;
use crate::diagnostics::Diagnostics;
use crate::keyword::DETACHED;
use crate::values::value;

/// The maximum length of a key and of an owner, in bytes.
const MAX: usize = 250;

/// A text with placeholders. The braces are those of `format!`, so that other handlers can make the same key with it.
pub(crate) struct Template {
    literal: LitStr,
    pub(crate) parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// The value of the parameter with this name.
    Parameter(String),
}

impl Template {
    /// Reads the template after `=`. `None` for an invalid one.
    pub(crate) fn read(
        name: &Ident,
        input: ParseStream<'_>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<Option<Self>> {
        let literal = value::<LitStr>(input)?;
        let is_alone = input.is_empty() || input.peek(Token![,]);
        let Some(literal) = literal.filter(|_| is_alone) else {
            let (what, example) = if name == DETACHED { ("key", "turns/{chat}") } else { ("owner", "{user}") };
            let text = format!(
                "`{name}` takes the {what} of the run in quotes, with the names of parameters in braces, as in \
                 `{name} = \"{example}\"`"
            );
            diagnostics.error(name, text);
            skip_value(input)?;
            return Ok(None);
        };
        match parse(&literal.value()) {
            Ok(parts) => Ok(Some(Self { literal, parts })),
            Err(fault) => {
                diagnostics.error(&literal, fault);
                Ok(None)
            }
        }
    }

    /// The names of the placeholders.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The literal, which is the location of errors about the template.
    pub(crate) const fn literal(&self) -> &LitStr {
        &self.literal
    }

    pub(crate) fn span(&self) -> Span {
        self.literal.span()
    }
}

/// The parts of a template, or the message about its first mistake.
fn parse(template: &str) -> Result<Vec<Part>, String> {
    if template.is_empty() {
        return Err("the template is empty: write text with the names of parameters, as in \"turns/{chat}\"".into());
    }
    let (mut parts, mut text, mut length) = (Vec::new(), String::new(), 0);
    let mut rest = template.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '{' | '}' if rest.peek() == Some(&char) => {
                rest.next();
                text.push(char);
                length += 1;
            }
            '}' => return Err("a closing brace without an opening one: write `}}` for a literal brace".into()),
            '{' => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        None | Some('{') => return Err(unclosed(&name)),
                        Some(char) => name.push(char),
                    }
                }
                check_name(&name)?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Parameter(name.trim_start_matches("r#").to_owned()));
            }
            char => {
                text.push(char);
                length += char.len_utf8();
            }
        }
    }
    if length > MAX {
        return Err(format!(
            "the text of the template has {length} bytes, and a key or an owner at most {MAX}: shorten it"
        ));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn unclosed(name: &str) -> String {
    let word: String = name.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    let example = if word.is_empty() { "{chat}".to_owned() } else { format!("{{{word}}}") };
    format!("a brace is not closed: write `{example}` for a parameter, or `{{{{` for a literal brace")
}

/// A placeholder is the name of a parameter and nothing else.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("`{}` needs the name of a parameter, as in `{chat}`".into());
    }
    if Ident::parse_any.parse_str(name).is_ok() {
        return Ok(());
    }
    let word: String = name.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    if !word.is_empty() && name[word.len()..].starts_with(':') {
        return Err(format!(
            "a placeholder has no format: write `{{{word}}}`, and let the type's `Display` make the text"
        ));
    }
    Err(format!("`{{{name}}}` is not the name of a parameter: a placeholder takes a name and no expression"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_names_alternate() {
        let (text, name) = (|text: &str| Part::Text(text.into()), |name: &str| Part::Parameter(name.into()));
        for (template, parts) in [
            ("import", vec![text("import")]),
            ("{chat}", vec![name("chat")]),
            ("turns/{chat}/{request}", vec![text("turns/"), name("chat"), text("/"), name("request")]),
            ("{a}{b}", vec![name("a"), name("b")]),
            ("{{{r#type}}}", vec![text("{"), name("type"), text("}")]),
        ] {
            assert_eq!(parse(template), Ok(parts), "{template}");
        }
    }

    #[test]
    fn messages_name_the_remedy() {
        for (template, part) in [
            ("", "is empty"),
            ("turns/{chat", "write `{chat}`"),
            ("turns/{", "write `{chat}`"),
            ("turns/{chat/{id}", "write `{chat}`"),
            ("turns/chat}", "write `}}`"),
            ("{}", "needs the name"),
            ("{chat:?}", "write `{chat}`"),
            ("{user.id}", "no expression"),
            ("{0}", "no expression"),
        ] {
            let fault = parse(template).expect_err(template);
            assert!(fault.contains(part), "{template:?}: {fault}");
        }
        assert!(parse(&"x".repeat(250)).is_ok());
        assert!(parse(&"x".repeat(251)).is_err_and(|fault| fault.contains("at most 250")));
    }
}
