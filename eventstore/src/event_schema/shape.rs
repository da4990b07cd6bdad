//! The shape of an event, as the file keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::described::{DescribedEvent, DescribedField, DescribedHolds};

/// One event: its schema version, and what its data is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventShape {
    /// The version that is written; of a retired event, the last one that was.
    pub version: i32,
    /// It is not written any more, and read as something else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retired: bool,
    /// The type of the whole data, where it has no fields with names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The fields by their names in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<BTreeMap<String, FieldShape>>,
    /// Fields that are not known are refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub denies_unknown_fields: bool,
}

/// A field: its type as it is written in the source, and whether it is always there. A field that is kept as a mere type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct FieldShape {
    /// The type.
    pub rust_type: String,
    /// It is read where it is missing.
    pub may_be_missing: bool,
    /// It is not always written.
    pub may_be_left_out: bool,
}

/// A field in the file: its type alone where it is always written and has to be there.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Always(String),
    Sometimes {
        r#type: String,
        #[serde(default, skip_serializing_if = "is_false")]
        may_be_missing: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        may_be_left_out: bool,
    },
}

impl EventShape {
    pub(super) fn of(event: &DescribedEvent) -> Self {
        let empty = Self {
            version: event.version,
            retired: false,
            data: None,
            fields: None,
            denies_unknown_fields: false,
        };
        match event.holds {
            DescribedHolds::Retired => Self { retired: true, ..empty },
            DescribedHolds::One(rust_type) => Self { data: Some(rust_type.to_owned()), ..empty },
            DescribedHolds::Fields { fields, denies_unknown } => {
                let fields = fields.iter().map(|field| (field.name.to_owned(), FieldShape::of(field)));
                Self { fields: Some(fields.collect()), denies_unknown_fields: denies_unknown, ..empty }
            }
        }
    }
}

impl FieldShape {
    fn of(field: &DescribedField) -> Self {
        let DescribedField { rust_type, may_be_missing, may_be_left_out, .. } = *field;
        Self { rust_type: rust_type.to_owned(), may_be_missing, may_be_left_out }
    }
}

impl From<Kept> for FieldShape {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Always(rust_type) => Self { rust_type, may_be_missing: false, may_be_left_out: false },
            Kept::Sometimes { r#type, may_be_missing, may_be_left_out } => {
                Self { rust_type: r#type, may_be_missing, may_be_left_out }
            }
        }
    }
}

impl From<FieldShape> for Kept {
    fn from(field: FieldShape) -> Self {
        match field {
            FieldShape { rust_type, may_be_missing: false, may_be_left_out: false } => {
                Self::Always(rust_type)
            }
            FieldShape { rust_type, may_be_missing, may_be_left_out } => {
                Self::Sometimes { r#type: rust_type, may_be_missing, may_be_left_out }
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
