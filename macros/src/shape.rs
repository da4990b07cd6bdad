//! The shape of an event's data: its fields, and what serde is told of them. What would have no effect is refused.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Field, Fields, Meta, Path, Result, Token, parse_quote};

/// What an event holds.
pub(crate) enum Shape {
    /// No field, no braces.
    Nothing,
    /// One field without a name, which is the whole data.
    One(Box<Field>),
    Named(Named),
}

/// Fields with names.
pub(crate) struct Named {
    pub(crate) fields: Vec<Field>,
    /// What serde is told of how they are named.
    pub(crate) naming: Vec<Meta>,
    /// What serde is told of how they are read.
    pub(crate) reading: Vec<Meta>,
}

/// Takes what is told of the enum: how the fields of all its variants are named.
pub(crate) fn naming_of_all(attributes: &[Attribute]) -> Result<Vec<Meta>> {
    let mut naming = Vec::new();
    for mut told in of_serde(attributes)? {
        let word = word(told.path());
        if word != "rename_all_fields" {
            let instead = match word.as_str() {
                "rename_all" => {
                    "say `rename_all_fields` for the fields of all variants; an event has the name that is said"
                }
                "deny_unknown_fields" => "say it on each variant whose fields it is to guard",
                "default" => "say it on each field that old data lacks",
                _ => instead(&word),
            };
            return Err(refused(&told, instead));
        }
        let here: Path = parse_quote!(rename_all);
        match &mut told {
            Meta::Path(path) => *path = here,
            Meta::List(list) => list.path = here,
            Meta::NameValue(value) => value.path = here,
        }
        naming.push(told);
    }
    Ok(naming)
}

impl Shape {
    /// Takes the fields of a variant or a struct, and what is told of it; `naming` holds unless it says otherwise.
    pub(crate) fn of(attributes: &[Attribute], fields: &Fields, naming: &[Meta]) -> Result<Self> {
        let told = of_serde(attributes)?;
        match fields {
            Fields::Unit => nothing_told(&told, "there are no fields").map(|()| Self::Nothing),
            Fields::Unnamed(unnamed) => {
                let mut one = unnamed.unnamed.iter();
                let (Some(field), None) = (one.next(), one.next()) else {
                    let told = "the fields of an event have names: positions cannot evolve";
                    return Err(Error::new(unnamed.span(), told));
                };
                nothing_told(
                    &told,
                    "the field has no name and is the whole data: what it needs is said on its type",
                )?;
                Ok(Self::One(Box::new(whole(field)?)))
            }
            Fields::Named(named) => {
                let (mut own_naming, mut reading) = (Vec::new(), Vec::new());
                for told in told {
                    match word(told.path()).as_str() {
                        "rename_all" => own_naming.push(told),
                        "deny_unknown_fields" => reading.push(told),
                        "default" => {
                            return Err(refused(&told, "say it on each field that old data lacks"));
                        }
                        other => return Err(refused(&told, instead(other))),
                    }
                }
                let naming = if own_naming.is_empty() { naming.to_vec() } else { own_naming };
                Ok(Self::Named(Named { fields: named.named.iter().map(kept).collect(), naming, reading }))
            }
        }
    }
}

/// A field with what serde is told of it, and nothing else.
fn kept(field: &Field) -> Field {
    let is_for_serde = |attribute: &&Attribute| attribute.path().is_ident("serde");
    Field { attrs: field.attrs.iter().filter(is_for_serde).cloned().collect(), ..field.clone() }
}

/// A field that is the whole data.
fn whole(field: &Field) -> Result<Field> {
    let field = kept(field);
    for told in of_serde(&field.attrs)? {
        if !matches!(word(told.path()).as_str(), "with" | "serialize_with" | "deserialize_with") {
            let instead =
                "the field has no name and is the whole data: name the field, or say it on its type";
            return Err(refused(&told, instead));
        }
    }
    Ok(field)
}

/// What serde is told, word by word.
pub(crate) fn of_serde(attributes: &[Attribute]) -> Result<Vec<Meta>> {
    let mut all = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        all.extend(attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?);
    }
    Ok(all)
}

fn nothing_told(told: &[Meta], because: &str) -> Result<()> {
    let Some(told) = told.first() else { return Ok(()) };
    Err(refused(
        told,
        match word(told.path()).as_str() {
            "rename_all" | "deny_unknown_fields" | "default" | "transparent" => because,
            other => instead(other),
        },
    ))
}

fn word(path: &Path) -> String {
    path.get_ident().map_or_else(String::new, ToString::to_string)
}

fn refused(told: &Meta, instead: &str) -> Error {
    Error::new(told.span(), format!("`{}` has no effect here: {instead}", word(told.path())))
}

/// What to say in place of a word.
fn instead(word: &str) -> &'static str {
    match word {
        "rename" => "say the name of an event as `#[event(name = \"…\")]`",
        "alias" => "say of a name that old logs hold `#[event(retired(name = \"…\", into = function))]`",
        "tag" | "content" | "untagged" | "other" => {
            "the name of an event stands beside its data in the log, not in it"
        }
        "crate" => "say `#[event(crate = …)]`",
        "skip" | "skip_serializing" | "skip_deserializing" => {
            "every event is written and read; say of one that is only read `#[event(retired(…))]`"
        }
        "with" | "serialize_with" | "deserialize_with" | "transparent" | "from" | "try_from" | "into"
        | "remote" => "give the event one field without a name, of the type that is to be written",
        _ => "events with named fields know `rename_all` and `deny_unknown_fields`; say all else on fields",
    }
}
