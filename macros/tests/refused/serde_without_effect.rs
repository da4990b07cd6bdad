use annals_macros::Event;

#[derive(Event)]
#[serde(rename_all = "kebab-case")]
enum NamesOfEvents {
    #[event(name = "noted")]
    Noted,
}

#[derive(Event)]
#[serde(tag = "type")]
enum Tagged {
    #[event(name = "noted")]
    Noted,
}

#[derive(Event)]
#[serde(deny_unknown_fields)]
enum Strict {
    #[event(name = "noted")]
    Noted,
}

#[derive(Event)]
enum Variants {
    #[event(name = "renamed")]
    #[serde(rename = "changed")]
    Renamed,
    #[event(name = "aliased")]
    #[serde(alias = "old")]
    Aliased { text: String },
    #[event(name = "skipped")]
    #[serde(skip)]
    Skipped,
    #[event(name = "with")]
    #[serde(with = "module")]
    With { text: String },
    #[event(name = "nothing")]
    #[serde(rename_all = "kebab-case")]
    Nothing,
    #[event(name = "one")]
    #[serde(deny_unknown_fields)]
    One(String),
    #[event(name = "defaulted")]
    Default(#[serde(default)] String),
    #[event(name = "bound")]
    #[serde(bound = "")]
    Bound { text: String },
}

#[derive(Event)]
#[event(name = "defaulted")]
#[serde(default)]
struct Defaulted {
    text: String,
}

#[derive(Event)]
#[event(name = "transparent")]
#[serde(transparent)]
struct Transparent(String);

#[derive(Event)]
#[event(name = "library")]
#[serde(crate = "serde")]
struct Library {
    text: String,
}

fn main() {}
