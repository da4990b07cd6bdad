//! The comparison: what was kept against what is.
//!
//! Two directions can break: this program reads what the kept one wrote, and a program that still is the kept one reads
//! what this one writes. At a raised version the first is the work of the upcasters, which the compiler demands, and the
//! second is refused by its version; so only data of the same version is compared.

use std::collections::BTreeMap;

use super::change::SchemaChange;
use super::shape::{EventShape, FieldShape};

type Categories = BTreeMap<String, BTreeMap<String, EventShape>>;
type Fields = BTreeMap<String, FieldShape>;

/// A sentence, and whether what it says breaks.
type Told = (bool, String);

pub(super) fn changes(kept: &Categories, now: &Categories) -> Vec<SchemaChange> {
    let mut all = Vec::new();
    for (category, event, then) in entries(kept) {
        let now = now.get(category).and_then(|events| events.get(event));
        all.extend(of_event(then, now).into_iter().map(|told| change(category, event, told)));
    }
    for (category, event, shape) in entries(now) {
        let is_kept = kept.get(category).is_some_and(|events| events.contains_key(event));
        if !is_kept {
            let what = if shape.retired { "is retired, and was not kept before" } else { "is new" };
            all.push(change(category, event, (false, what.to_owned())));
        }
    }
    all.sort_by(|one, other| (&one.category, &one.event).cmp(&(&other.category, &other.event)));
    all
}

fn entries(categories: &Categories) -> impl Iterator<Item = (&str, &str, &EventShape)> {
    categories.iter().flat_map(|(category, events)| {
        events.iter().map(move |(event, shape)| (category.as_str(), event.as_str(), shape))
    })
}

fn change(category: &str, event: &str, (breaks, change): Told) -> SchemaChange {
    SchemaChange { category: category.to_owned(), event: event.to_owned(), breaks, change }
}

fn of_event(kept: &EventShape, now: Option<&EventShape>) -> Vec<Told> {
    let Some(now) = now else {
        return vec![(true, "is gone: the log still holds it, say `retired(…)`".to_owned())];
    };
    let (then_version, now_version) = (kept.version, now.version);
    if now_version < then_version {
        let told = format!("version {now_version} is written, the log holds version {then_version}");
        return vec![(true, told)];
    }
    match (kept.retired, now.retired) {
        (false, true) => vec![(false, format!("is retired from version {now_version} on"))],
        (true, false) if now_version == then_version => {
            let told =
                format!("was retired at version {then_version}: what is written anew has the next one");
            vec![(true, told)]
        }
        _ if now_version > then_version => {
            let told = format!("version {then_version} became {now_version}: update readers before writers");
            vec![(false, told)]
        }
        _ => of_data(kept, now),
    }
}

/// Compares data of the same version.
fn of_data(kept: &EventShape, now: &EventShape) -> Vec<Told> {
    let raise = format!("raise the version to {}", kept.version + 1);
    let mut all = match (&kept.fields, &now.fields) {
        (Some(then), Some(now_fields)) => of_fields(then, now_fields, kept, now, &raise),
        _ if (&kept.data, &kept.fields) == (&now.data, &now.fields) => Vec::new(),
        _ => vec![(true, format!("{} became {}: {raise}", told_data(kept), told_data(now)))],
    };
    match (kept.denies_unknown_fields, now.denies_unknown_fields) {
        (false, true) => {
            all.push((
                true,
                format!("unknown fields are refused from now on, and old events may hold some: {raise}"),
            ));
        }
        (true, false) => all.push((false, "unknown fields are passed over from now on".to_owned())),
        _ => {}
    }
    all
}

fn told_data(shape: &EventShape) -> String {
    shape.data.as_ref().map_or_else(|| "fields with names".to_owned(), |data| format!("`{data}`"))
}

fn of_fields(
    then: &Fields,
    now: &Fields,
    kept_event: &EventShape,
    now_event: &EventShape,
    raise: &str,
) -> Vec<Told> {
    let gone: Vec<_> = then.iter().filter(|(name, _)| !now.contains_key(*name)).collect();
    let new: Vec<_> = now.iter().filter(|(name, _)| !then.contains_key(*name)).collect();
    if let ([(old, field)], [(name, same)]) = (&gone[..], &new[..])
        && field.rust_type == same.rust_type
    {
        let told =
            format!("field `{old}` is called `{name}` now: say `#[serde(rename = \"{old}\")]`, or {raise}");
        return vec![(true, told)];
    }
    let gone = gone.into_iter().map(|(name, field)| {
        if now_event.denies_unknown_fields {
            (true, format!("field `{name}` is gone, and refused in old events: {raise}"))
        } else if field.may_be_missing {
            (false, format!("field `{name}` is gone, which no reader needs"))
        } else {
            (
                true,
                format!(
                    "field `{name}` is gone, which readers of version {} need: {raise}",
                    kept_event.version
                ),
            )
        }
    });
    let new = new.into_iter().map(|(name, field)| {
        if !field.may_be_missing {
            (
                true,
                format!("field `{name}` is new, and old events lack it: say `#[serde(default)]`, or {raise}"),
            )
        } else if kept_event.denies_unknown_fields {
            (true, format!("field `{name}` is new, and old programs refuse it: {raise}"))
        } else {
            (false, format!("field `{name}` is new, and may be missing"))
        }
    });
    let both = then.iter().filter_map(|(name, field)| Some((name, field, now.get(name)?)));
    let changed = both.flat_map(|(name, then, now)| of_field(name, then, now, raise));
    gone.chain(new).chain(changed).collect()
}

fn of_field(name: &str, then: &FieldShape, now: &FieldShape, raise: &str) -> Vec<Told> {
    let mut all = Vec::new();
    if then.rust_type != now.rust_type {
        let told = format!("field `{name}` was `{}` and is `{}`: {raise}", then.rust_type, now.rust_type);
        all.push((true, told));
    }
    match (then.may_be_missing, now.may_be_missing) {
        (true, false) => {
            all.push((true, format!("field `{name}` has to be there, and old events may lack it: {raise}")));
        }
        (false, true) => all.push((false, format!("field `{name}` may be missing"))),
        _ => {}
    }
    match (then.may_be_left_out, now.may_be_left_out) {
        (false, true) if !then.may_be_missing => {
            all.push((
                true,
                format!("field `{name}` is left out at times, and old programs need it: {raise}"),
            ));
        }
        (false, true) => all.push((false, format!("field `{name}` is left out at times"))),
        (true, false) => all.push((false, format!("field `{name}` is always written"))),
        _ => {}
    }
    all
}
