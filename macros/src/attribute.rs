//! What `#[event(…)]` says: on a variant, or a struct, its name and versions; on the whole type, what is retired.

use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::spanned::Spanned;
use syn::{Attribute, Error, ExprPath, LitInt, LitStr, Path, Result, Token, bracketed};

/// A name, its schema version, and the functions that lead from one version to the next.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) upcast: Option<Vec<ExprPath>>,
}

/// A name, or its first versions, that old logs hold and nothing writes any more.
pub(crate) struct Retired {
    pub(crate) name: LitStr,
    pub(crate) version: Option<LitInt>,
    pub(crate) upcast: Option<Vec<ExprPath>>,
    pub(crate) into: ExprPath,
}

/// What is said of the whole type.
#[derive(Default)]
pub(crate) struct OfType {
    pub(crate) retired: Vec<Retired>,
    pub(crate) library: Option<Path>,
}

/// Reads the attributes of one type or variant: `written` where events may be named, `of_type` where the type is told of.
pub(crate) fn read(
    attributes: &[Attribute],
    mut written: Option<&mut Written>,
    mut of_type: Option<&mut OfType>,
) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("event")) {
        attribute.parse_nested_meta(|meta| {
            if let Some(written) = written.as_deref_mut()
                && written.take(&meta)?
            {
                return Ok(());
            }
            if let Some(of_type) = of_type.as_deref_mut()
                && of_type.take(&meta)?
            {
                return Ok(());
            }
            Err(meta.error(match (&written, &of_type) {
                (None, _) => "an enum knows `retired(…)` and `crate = …`; its events are told on its variants",
                (_, None) => "a variant knows `name = \"…\"`, `version = 2` and `upcast = […]`",
                _ => "a struct knows `name = \"…\"`, `version = 2`, `upcast = […]`, `retired(…)` and `crate = …`",
            }))
        })?;
    }
    Ok(())
}

impl Written {
    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        if meta.path.is_ident("name") {
            once(&mut self.name, meta, || meta.value()?.parse())?;
        } else if meta.path.is_ident("version") {
            once(&mut self.version, meta, || meta.value()?.parse())?;
        } else if meta.path.is_ident("upcast") {
            once(&mut self.upcast, meta, || {
                let steps = meta.value()?;
                let list;
                bracketed!(list in steps);
                Ok(list.parse_terminated(ExprPath::parse, Token![,])?.into_iter().collect())
            })?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl OfType {
    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        if meta.path.is_ident("crate") {
            once(&mut self.library, meta, || meta.value()?.call(Path::parse_mod_style))?;
        } else if meta.path.is_ident("retired") {
            self.retired.push(retired(meta)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn retired(outer: &ParseNestedMeta<'_>) -> Result<Retired> {
    let (mut written, mut into) = (Written::default(), None);
    outer.parse_nested_meta(|meta| {
        if meta.path.is_ident("into") {
            return once(&mut into, &meta, || meta.value()?.parse());
        }
        if written.take(&meta)? {
            return Ok(());
        }
        Err(meta.error(
            "a retired event knows `name = \"…\"`, `version = 2`, `upcast = […]` and `into = function`",
        ))
    })?;
    let Written { name, version, upcast } = written;
    match (name, into) {
        (Some(name), Some(into)) => Ok(Retired { name, version, upcast, into }),
        _ => Err(Error::new(
            outer.path.span(),
            "a retired event needs `name = \"…\"` and `into = function`, which gives the events it is read as",
        )),
    }
}

/// Takes what is said of a word, once.
fn once<T>(
    place: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    value: impl FnOnce() -> Result<T>,
) -> Result<()> {
    if place.is_some() {
        let word = meta.path.require_ident()?;
        return Err(Error::new(word.span(), format!("`{word}` is said twice")));
    }
    *place = Some(value()?);
    Ok(())
}

/// Reads a schema version.
pub(crate) fn version(literal: &LitInt) -> Result<i32> {
    match literal.base10_parse::<i32>() {
        Ok(version) if version >= 1 => Ok(version),
        _ => Err(Error::new(literal.span(), "schema versions are 1, 2, 3, …")),
    }
}
