//! What was derived from: the events, their versions, and what is retired. Whatever cannot be kept is refused here.

use std::collections::HashSet;

use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, ExprPath, Ident, LitInt, LitStr, Path, Result, parse_quote};

use crate::attribute::{self, OfType, Retired, Written};
use crate::shape::{self, Shape};

/// The longest name, in bytes; what the log takes.
const NAME_BYTES_MAX: usize = 255;

/// A type and its events.
pub(crate) struct Events {
    pub(crate) ident: Ident,
    pub(crate) is_enum: bool,
    pub(crate) library: Path,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) gone: Vec<Gone>,
}

/// A name in the log, with the way to the newest version of its data.
pub(crate) struct Lineage {
    pub(crate) name: LitStr,
    /// The version that the first of `upcast` starts from; older ones are retired.
    pub(crate) first: i32,
    pub(crate) version: i32,
    pub(crate) upcast: Vec<ExprPath>,
}

/// One kind of event.
pub(crate) struct Kind {
    /// Of the variant, or of the struct.
    pub(crate) ident: Ident,
    pub(crate) shape: Shape,
    pub(crate) lineage: Lineage,
}

/// What is not written any more: every version of a name, or the first ones where a kind of event still has it.
pub(crate) struct Gone {
    pub(crate) lineage: Lineage,
    pub(crate) is_still_written: bool,
    pub(crate) into: ExprPath,
}

impl Events {
    /// Reads the type that is derived from.
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        if !input.generics.params.is_empty() {
            let told =
                "an event has no generics: what is in the log has one shape; derive for a type without them";
            return Err(Error::new(input.generics.span(), told));
        }
        let mut of_type = OfType::default();
        let kinds = match &input.data {
            Data::Enum(data) => {
                attribute::read(&input.attrs, None, Some(&mut of_type))?;
                let naming = shape::naming_of_all(&input.attrs)?;
                let variants = data.variants.iter().map(|variant| {
                    let ident = &variant.ident;
                    let mut written = Written::default();
                    attribute::read(&variant.attrs, Some(&mut written), None)?;
                    let shape = Shape::of(&variant.attrs, &variant.fields, &naming)?;
                    Kind::of(ident, shape, written, &of_type.retired)
                });
                collected(variants)?
            }
            Data::Struct(data) => {
                let mut written = Written::default();
                attribute::read(&input.attrs, Some(&mut written), Some(&mut of_type))?;
                let shape = Shape::of(&input.attrs, &data.fields, &[])?;
                vec![Kind::of(&input.ident, shape, written, &of_type.retired)?]
            }
            Data::Union(_) => {
                return Err(Error::new(input.ident.span(), "events are enums or structs, not unions"));
            }
        };
        if kinds.is_empty() && of_type.retired.is_empty() {
            return Err(Error::new(input.ident.span(), "an enum of events has a variant for each of them"));
        }
        let library = of_type.library.unwrap_or_else(|| parse_quote!(::annals::eventstore));
        let gone = collected(of_type.retired.into_iter().map(|retired| Gone::of(retired, &kinds)))?;
        require_distinct(kinds.iter().map(|kind| &kind.lineage.name), "is the name of another event")?;
        require_distinct(gone.iter().map(|gone| &gone.lineage.name), "is retired twice")?;
        let is_enum = matches!(input.data, Data::Enum(_));
        Ok(Self { ident: input.ident.clone(), is_enum, library, kinds, gone })
    }
}

fn require_distinct<'a>(names: impl Iterator<Item = &'a LitStr>, told: &str) -> Result<()> {
    let mut seen = HashSet::new();
    let all = names.map(|name| match seen.insert(name.value()) {
        true => Ok(()),
        false => Err(Error::new(name.span(), format!("{:?} {told}", name.value()))),
    });
    collected(all).map(drop)
}

/// Every fault at once.
fn collected<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut taken, mut refused) = (Vec::new(), None::<Error>);
    for result in results {
        match (result, &mut refused) {
            (Ok(value), _) => taken.push(value),
            (Err(error), Some(all)) => all.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    refused.map_or(Ok(taken), Err)
}

impl Kind {
    fn of(ident: &Ident, shape: Shape, written: Written, retired: &[Retired]) -> Result<Self> {
        let Written { name, version, upcast } = written;
        let Some(name) = name else {
            let told = "an event has a name of its own in the log, which stays when the Rust name changes: \
                        #[event(name = \"money-deposited\")]";
            return Err(Error::new(ident.span(), told));
        };
        let first = first_kept(&name, retired)?;
        let lineage = Lineage::of(name, version, upcast, first)?;
        Ok(Self { ident: ident.clone(), shape, lineage })
    }
}

/// The first version of a name that is not retired.
fn first_kept(name: &LitStr, retired: &[Retired]) -> Result<i32> {
    let Some(retired) = retired.iter().find(|retired| retired.name.value() == name.value()) else {
        return Ok(1);
    };
    let Some(literal) = &retired.version else {
        let told = format!(
            "{:?} is still written: say up to which version it is retired, `version = 1`",
            name.value()
        );
        return Err(Error::new(retired.name.span(), told));
    };
    Ok(attribute::version(literal)?.saturating_add(1))
}

impl Gone {
    fn of(retired: Retired, kinds: &[Kind]) -> Result<Self> {
        let Retired { name, version, upcast, into } = retired;
        let lineage = Lineage::of(name, version, upcast, 1)?;
        let is_still_written = kinds.iter().any(|kind| kind.lineage.name.value() == lineage.name.value());
        Ok(Self { lineage, is_still_written, into })
    }
}

impl Lineage {
    fn of(name: LitStr, literal: Option<LitInt>, upcast: Option<Vec<ExprPath>>, first: i32) -> Result<Self> {
        require_name(&name)?;
        let upcast = upcast.unwrap_or_default();
        let version = literal.as_ref().map_or(Ok(1), attribute::version)?;
        let steps = i64::try_from(upcast.len()).unwrap_or(i64::MAX);
        let needed = i64::from(version) - i64::from(first);
        if steps != needed {
            let told = match needed {
                ..0 => format!("version {version} is retired: the version that is written lies behind it"),
                0 => format!("version {version} is the first one: there is nothing to upcast from"),
                _ => format!(
                    "version {version} needs {needed} upcasters, one for each step from {first} to {version}, not {steps}: \
                     upcast = [from_{first}_to_{}, …]",
                    first + 1
                ),
            };
            return Err(Error::new(literal.map_or(name.span(), |literal| literal.span()), told));
        }
        Ok(Self { name, first, version, upcast })
    }
}

fn require_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let holds = !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && !text.starts_with('$')
        && !text.bytes().any(|byte| byte.is_ascii_control());
    if holds {
        return Ok(());
    }
    let told = format!("a name has 1 to {NAME_BYTES_MAX} bytes, no control character and no `$` in front");
    Err(Error::new(name.span(), told))
}
