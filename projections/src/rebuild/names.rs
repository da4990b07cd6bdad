//! What the consumer and the schemas of a rebuild are called.

use annals_eventstore::postgres::{Consumer, SchemaName};

/// What stands between the name of a projection and the number of a rebuild; no projection may have it in its name.
const MARK: &str = "~rebuild-";

/// How much of a schema's name is kept, so that what is made of it is a name still.
const SCHEMA_BYTES: usize = 28;

/// Tells whether a name may be that of a rebuild.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.contains(MARK)
}

/// Returns what the consumers begin with that fill a projection.
pub(crate) fn fillers_of(projection: &str) -> String {
    format!("{projection}{MARK}")
}

/// Returns the consumer that fills a projection anew. Each rebuild has one of its own, so that an owner of a slot that wakes
/// after the end of one finds no checkpoint of another.
pub(crate) fn filler(projection: &Consumer, rebuild: i64) -> Consumer {
    Consumer { name: format!("{}{rebuild}", fillers_of(&projection.name)), version: projection.version }
}

/// Returns what rebuilds of a projection are called in metrics: all of them the same.
pub(crate) fn metric_name(projection: &Consumer) -> String {
    fillers_of(&projection.name).trim_end_matches('-').to_owned()
}

/// Returns the schema that is filled.
pub(super) fn shadow_schema(schema: &SchemaName, rebuild: i64) -> SchemaName {
    beside(schema, "new", rebuild)
}

/// Returns the schema that the old tables are in after the swap.
pub(super) fn old_schema(schema: &SchemaName, rebuild: i64) -> SchemaName {
    beside(schema, "old", rebuild)
}

fn beside(schema: &SchemaName, which: &str, rebuild: i64) -> SchemaName {
    let kept = &schema.as_str()[..schema.as_str().len().min(SCHEMA_BYTES)];
    // At most 28 + 6 + 10 bytes for any number of rebuilds that a database sees.
    SchemaName::new(format!("{kept}__{which}_{rebuild}"))
        .expect("a schema's name with letters and digits behind it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_rebuild_are_its_own_and_short_enough() {
        let long = SchemaName::new("a".repeat(48)).unwrap();

        assert_eq!(shadow_schema(&SchemaName::new("shop").unwrap(), 7).as_str(), "shop__new_7");
        assert_eq!(old_schema(&long, 9_999_999_999).as_str().len(), 44);
        let projection = Consumer { name: "balances".to_owned(), version: 2 };
        let filler = filler(&projection, 7);
        assert_eq!((filler.name.as_str(), filler.version), ("balances~rebuild-7", 2));
        assert_eq!(metric_name(&projection), "balances~rebuild");
        assert!(is_reserved(&filler.name) && !is_reserved("balances"));
    }
}
