//! The description of the events in constants, which the file of names and shapes is compared with.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Field, Ident, Lit, Meta, Path, Token, Type};

use crate::model::{Events, Kind};
use crate::shape::{self, Named, Shape};

/// Writes the description of a type.
pub(crate) fn description(events: &Events) -> TokenStream {
    let Events { ident, library, kinds, gone, .. } = events;
    let of_kinds = kinds.iter().map(|Kind { shape, lineage, .. }| {
        let holds = holds(shape, library);
        event(&lineage.name, lineage.version, &holds, library)
    });
    let retired = quote!(#library::derived::DescribedHolds::Retired);
    let gone = gone.iter().filter(|gone| !gone.is_still_written);
    let of_gone = gone.map(|gone| event(&gone.lineage.name, gone.lineage.version, &retired, library));
    quote! {
        #[automatically_derived]
        impl #library::derived::Described for #ident {
            const EVENTS: &'static [#library::derived::DescribedEvent] = &[#(#of_kinds,)* #(#of_gone),*];
        }
    }
}

fn event(name: &syn::LitStr, version: i32, holds: &TokenStream, library: &Path) -> TokenStream {
    quote!(#library::derived::DescribedEvent { name: #name, version: #version, holds: #holds })
}

fn holds(shape: &Shape, library: &Path) -> TokenStream {
    let holds = quote!(#library::derived::DescribedHolds);
    match shape {
        Shape::Nothing => quote!(#holds::Fields { fields: &[], denies_unknown: false }),
        Shape::One(one) => {
            let rust_type = OfSerde::of(one).rust_type(&one.ty);
            quote!(#holds::One(#rust_type))
        }
        Shape::Named(Named { fields, naming, reading }) => {
            let fields = fields.iter().filter_map(|field| described(field, naming, library));
            let denies_unknown = !reading.is_empty();
            quote!(#holds::Fields { fields: &[#(#fields),*], denies_unknown: #denies_unknown })
        }
    }
}

fn described(field: &Field, naming: &[Meta], library: &Path) -> Option<TokenStream> {
    let told = OfSerde::of(field);
    if told.is_never_written && told.is_never_read {
        return None;
    }
    let rust_name = field.ident.as_ref()?.to_string();
    let rust_name = rust_name.strip_prefix("r#").unwrap_or(&rust_name);
    let rule = naming.iter().find_map(|meta| said(meta, "rename_all"));
    let name = told.name.clone().unwrap_or_else(|| renamed(rust_name, rule.as_deref()));
    let rust_type = told.rust_type(&field.ty);
    let may_be_missing =
        told.has_default || told.is_never_read || (told.functions.is_empty() && is_option(&field.ty));
    let may_be_left_out = told.is_left_out || told.is_never_written;
    Some(quote! {
        #library::derived::DescribedField {
            name: #name,
            rust_type: #rust_type,
            may_be_missing: #may_be_missing,
            may_be_left_out: #may_be_left_out,
        }
    })
}

/// What serde is told of a field, as far as its data shows it. What serde refuses is its own to tell.
#[derive(Default)]
struct OfSerde {
    name: Option<String>,
    /// The functions that write and read it in place of its type.
    functions: Vec<String>,
    is_flat: bool,
    has_default: bool,
    is_left_out: bool,
    is_never_written: bool,
    is_never_read: bool,
}

impl OfSerde {
    fn of(field: &Field) -> Self {
        let mut told = Self::default();
        for meta in shape::of_serde(&field.attrs).unwrap_or_default() {
            match meta.path().get_ident().map(Ident::to_string).unwrap_or_default().as_str() {
                "rename" => told.name = said(&meta, "rename"),
                "flatten" => told.is_flat = true,
                "default" => told.has_default = true,
                "skip" => (told.is_never_written, told.is_never_read) = (true, true),
                "skip_serializing" => told.is_never_written = true,
                "skip_deserializing" => told.is_never_read = true,
                "skip_serializing_if" => told.is_left_out = true,
                word @ ("with" | "serialize_with" | "deserialize_with") => {
                    told.functions.extend(said(&meta, word).map(|function| format!(" {word} {function}")));
                }
                _ => {}
            }
        }
        told
    }

    /// The type as it is written in the source, and what else decides on how its values are written.
    fn rust_type(&self, rust_type: &Type) -> String {
        let flat = if self.is_flat { "flatten " } else { "" };
        let functions = self.functions.concat();
        format!("{flat}{}{functions}", source(rust_type.to_token_stream()))
    }
}

/// What a word says of writing: `word = "…"`, or `word(serialize = "…")`.
fn said(meta: &Meta, word: &str) -> Option<String> {
    match meta {
        _ if !meta.path().is_ident(word) => None,
        Meta::NameValue(value) => match &value.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        Meta::List(list) => {
            let told = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
            told.iter().find_map(|meta| said(meta, "serialize"))
        }
        Meta::Path(_) => None,
    }
}

/// A field's name under a rule of serde.
fn renamed(name: &str, rule: Option<&str>) -> String {
    let pascal = || -> String {
        let capital = |word: &str| match word.split_at_checked(1) {
            Some((first, rest)) => first.to_ascii_uppercase() + rest,
            None => word.to_owned(),
        };
        name.split('_').map(capital).collect()
    };
    match rule {
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => name.to_ascii_uppercase(),
        Some("PascalCase") => pascal(),
        Some("camelCase") => {
            let pascal = pascal();
            let (first, rest) = pascal.split_at_checked(1).unwrap_or(("", &pascal));
            first.to_ascii_lowercase() + rest
        }
        Some("kebab-case") => name.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => name.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

fn is_option(rust_type: &Type) -> bool {
    match rust_type {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Option"),
        Type::Group(group) => is_option(&group.elem),
        _ => false,
    }
}

/// Tokens as one would write them: spaces between words, after commas and around operators.
fn source(tokens: TokenStream) -> String {
    let (mut text, mut is_after_word) = (String::new(), false);
    for token in tokens {
        let is_word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if is_after_word && is_word {
            text.push(' ');
        }
        is_after_word = is_word;
        match token {
            TokenTree::Group(group) => {
                let inner = source(group.stream());
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.extend([open, inner.as_str(), close]);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                mark @ (',' | ';') => text.extend([mark, ' ']),
                mark @ ('+' | '=') => text.extend([' ', mark, ' ']),
                mark => text.push(mark),
            },
            word => text.push_str(&word.to_string()),
        }
    }
    text.trim_end().to_owned()
}
